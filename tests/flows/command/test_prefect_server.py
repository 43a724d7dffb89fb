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
def test_a_flow_runs_on_it_once_another_launchs_server_has_started(tmp_path: Path) -> None:
    """While another one brings the database up to date, this one is not begun. Prefect is told its address as long as it is there.

    So the command never imports the server's code, which takes seconds.
    """
    with (tmp_path / "launchgate.lock").open("w", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-c", FLOW], env=environment(tmp_path), stdout=subprocess.PIPE, text=True
        )
        seen = psutil.Process(process.pid)
        while not any(item.path == other.name for item in seen.open_files()):
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(1)
        assert not seen.children()
        assert not (tmp_path / "prefect.db").exists()
    told = process.communicate(timeout=200)[0]
    assert told.splitlines() == ["True False", "None"]
    assert process.returncode == 0
    assert (tmp_path / "prefect.db").exists()
