"""Ledgers on real stores: SQLite, PostgreSQL and an MLflow server, each of them once a session."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from typing import TYPE_CHECKING

import pytest
import sqlalchemy
from support.servers import free_ports

from infra.ledger.memory import MemoryLedger
from infra.ledger.mlflow_ledger import MlflowLedger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.ledger.port import Ledger


SERVER_SETTINGS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@pytest.fixture(scope="session")
def postgres_uri(postgres: str) -> str:
    """Return a database of its own: MLflow and Prefect both keep their schema's version in one table's name."""
    with sqlalchemy.create_engine(postgres, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE ledger"))
    return postgres.replace("/postgres?", "/ledger?")


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an MLflow server that keeps the artifacts itself."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/server.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | SERVER_SETTINGS,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(address, process, folder / "log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # an orderly end takes long, and nothing of it is kept
        process.wait()


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310  our own server
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> MlflowLedger:
    """Return a ledger in a SQLite file."""
    folder = tmp_path_factory.mktemp("ledger")
    return MlflowLedger(f"sqlite:///{folder}/deep/mlflow.db", None)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Return each kind of ledger in turn."""
    if request.param == "memory":
        return MemoryLedger()
    if request.param == "sqlite":
        built: MlflowLedger = request.getfixturevalue("sqlite_ledger")
        return built
    return MlflowLedger(request.getfixturevalue("postgres_uri"), str(tmp_path_factory.mktemp("artifacts")))


@pytest.fixture
def model() -> str:
    """Return a model's name that no other test uses, since stores live for the session."""
    return f"model-{uuid.uuid4().hex[:8]}"
