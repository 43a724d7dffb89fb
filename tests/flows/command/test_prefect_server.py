"""The server that a command starts for Prefect: by itself, without the server's code in the command, and gone with it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from flows.command.prefect_server import PrefectServer

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """
import sys
from flows.command.prefect_server import PrefectServer
server = PrefectServer()
server.wait()
from prefect import flow
from prefect.settings import PREFECT_API_URL
address = PREFECT_API_URL.value()
flow(lambda: None, name="nothing")()
print(address.startswith("http://127.0.0.1:"), "prefect.server.api.server" in sys.modules)
server.stop()
print(PREFECT_API_URL.value())
"""


def environment(home: Path) -> dict[str, str]:
    """Return one in which no server is named."""
    return {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"} | {"PREFECT_HOME": str(home)}


@pytest.mark.server
def test_a_flow_runs_on_it_without_the_servers_code(tmp_path: Path) -> None:
    """Prefect is told its address as long as it is there, so that the command never imports what takes seconds."""
    told = subprocess.run(
        [sys.executable, "-c", FLOW], env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == ["True False", "None"]


def test_a_server_that_is_named_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other one is started then, and nothing is waited for."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setattr(subprocess, "Popen", None)
    with temporary_settings({PREFECT_API_URL: "http://elsewhere/api"}):
        before = set(psutil.Process().children())
        server = PrefectServer()
        server.wait()
        assert PREFECT_API_URL.value() == "http://elsewhere/api"
        server.stop()
        assert PREFECT_API_URL.value() == "http://elsewhere/api"
        assert set(psutil.Process().children()) <= before


@pytest.mark.server
def test_servers_start_one_after_the_other(tmp_path: Path) -> None:
    """While another launch's server brings the database up to date, this one's is not begun; then it answers."""
    waits = "from flows.command.prefect_server import PrefectServer; PrefectServer().wait(); print('it answers')"
    with (tmp_path / "launchgate.lock").open("w", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-c", waits],
            env={key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
            | {"PREFECT_HOME": str(tmp_path)},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        seen = psutil.Process(process.pid)
        while not any(item.path == other.name for item in seen.open_files()):
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(1)
        assert not seen.children()
        assert not (tmp_path / "prefect.db").exists()
    assert process.communicate(timeout=200)[0] == "it answers\n"
    assert process.returncode == 0
    assert (tmp_path / "prefect.db").exists()
