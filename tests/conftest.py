"""Fixtures for all tests: one real S3 server, PostgreSQL and Prefect server a session, started when first asked for."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from support.servers import S3Server, postgres_server, prefect_server, s3_server
from support.shared import shared

from infra.ledger.address import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator


WHOLE_LAUNCHES = ("test_defects.py", "test_examples.py")

# Libraries leave millions of objects that stay: to look through them all the time takes a tenth of the tests' time.
gc.set_threshold(50_000, 20, 100)

# A shell starts what it puts in the background with Ctrl-C ignored, and so do all processes that come from it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What a command sets before it imports MLflow; here a test that needs no ledger may import it first.
os.environ.update(SETTINGS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file on one worker, where they share what is slow to start; whole launches go where one is free."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return nodeid if file.endswith(WHOLE_LAUNCHES) else file

    return ByFile(config, log)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Yield a running S3 server: its endpoint, keys and a client to fill it."""
    with tempfile.TemporaryDirectory(prefix="s3-") as folder, s3_server(Path(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Yield the SQLAlchemy URL of a running PostgreSQL server's database `postgres`."""
    # A Unix socket's path may have about 100 characters, which pytest's own temporary folders can pass.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, postgres_server(Path(folder)) as url:
        yield url


@pytest.fixture(scope="session")
def prefect_api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of the API of a running Prefect server on PostgreSQL, one for all processes of a test run."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own
    with shared(folder, "prefect", lambda: _prefect_on(request.getfixturevalue("postgres"))) as address:
        yield address


@pytest.fixture(scope="module")
def prefect(prefect_api: str) -> Iterator[str]:
    """Have the flows that the tests of a module run in this process recorded by the session's server; yield its API's address."""
    from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    # what is logged late outlives the server
    with temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield prefect_api


@contextmanager
def _prefect_on(postgres: str) -> Iterator[str]:
    """Run a Prefect server whose records are in a database of its own, and yield the address of its API."""
    with sqlalchemy.create_engine(postgres, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE prefect"))
    database = postgres.replace("psycopg2", "asyncpg").replace("/postgres?", "/prefect?")
    with tempfile.TemporaryDirectory(prefix="prefect-") as folder, prefect_server(Path(folder), database) as address:
        yield address
