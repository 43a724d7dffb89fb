"""The command `ui`: two real servers that start together and stop together."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import psutil
import pytest

from flows.command.servers import serve_pages
from tasks.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_SECONDS = 150


class Shown(NamedTuple):
    """A running `launchgate ui`, the addresses that it printed, and every process that it started."""

    process: subprocess.Popen[str]
    mlflow: str
    prefect: str
    children: list[psutil.Process]


@contextmanager
def shown(folder: Path, **settings: str) -> Iterator[Shown]:
    """Run the command on free ports until its servers answer, and leave nothing of it."""
    unset = {"MLFLOW_TRACKING_URI", "PREFECT_API_URL"}
    environment = {key: value for key, value in os.environ.items() if key not in unset} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "ui", "--mlflow-port", "0", "--prefect-port", "0"],
        env=environment | {"LAUNCHGATE_HOME": str(folder / "home"), "PREFECT_HOME": str(folder / "prefect")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    children: list[psutil.Process] = []
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        addresses = [match[0] for line in lines if (match := re.search(r"http://127\.0\.0\.1:\d+", line))]
        assert len(addresses) == 2, lines
        children = psutil.Process(process.pid).children(recursive=True)
        yield Shown(process, *addresses, children)
    finally:
        for left in [process, *children]:
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                left.kill()
        process.communicate()


@pytest.mark.server
def test_both_answer_and_one_that_ends_stops_the_other(tmp_path: Path) -> None:
    """Both printed addresses answer, and Prefect's page knows its own API.

    Where a server dies, the command says which and where its log is, stops the other, and ends with status 2.
    """
    with shown(tmp_path) as ui:
        assert _get(f"{ui.mlflow}/health") == "OK"
        assert json.loads(_get(f"{ui.prefect}/api/health")) is True
        assert json.loads(_get(f"{ui.prefect}/ui-settings"))["api_url"] == f"{ui.prefect}/api"
        next(child for child in ui.children if "mlflow" in child.cmdline()).kill()
        _, said = ui.process.communicate(timeout=PATIENCE_SECONDS)
        assert ui.process.returncode == 2
        assert "MLflow ended by itself (status -9)" in said
        assert str(tmp_path / "home" / "mlflow-server.log") in said
        assert not psutil.wait_procs(ui.children, timeout=5)[1]


@pytest.mark.server
def test_a_server_that_is_named_is_shown_and_ctrl_c_leaves_no_process(tmp_path: Path, prefect_api: str) -> None:
    """The Prefect server that launches go to is not started again, nor stopped."""
    with shown(tmp_path, PREFECT_API_URL=prefect_api) as ui:
        assert ui.prefect == prefect_api.removesuffix("/api")
        assert _get(f"{ui.mlflow}/health") == "OK"
        ui.process.send_signal(signal.SIGINT)
        _, said = ui.process.communicate(timeout=PATIENCE_SECONDS)
        assert (ui.process.returncode, said) == (0, "")
        assert not psutil.wait_procs(ui.children, timeout=5)[1]
    assert json.loads(_get(f"{prefect_api}/health")) is True


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that another program listens on is named with the option to change, and no server is started."""
    monkeypatch.setenv("LAUNCHGATE_HOME", str(tmp_path / "home"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} can't be used: Address already in use.* --prefect-port"):
            serve_pages(0, port)
    assert not (tmp_path / "home").exists()


def test_the_same_port_twice_is_refused() -> None:
    """Two servers cannot share a port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match="--prefect-port"):
        serve_pages(port, port)


def test_a_number_that_is_no_port_is_refused() -> None:
    """A port above 65535 is named with the option that gave it."""
    with pytest.raises(InputError, match="port 70000 is no port; give another one with --mlflow-port"):
        serve_pages(70000, 0)


def _get(address: str) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  loopback
                return str(answer.read().decode())
        except TimeoutError:
            if time.monotonic() > deadline:
                raise
