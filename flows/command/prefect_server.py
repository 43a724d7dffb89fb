"""The Prefect server of a command for which none is named: it starts early, beside other work, and ends with the command.

Prefect would start one by itself, but imports all of the server into the command's own process for that, which takes as
long as the server's start.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOPBACK = "127.0.0.1"
START_SECONDS = 120
STOP_SECONDS = 5
POLL_SECONDS = 0.05
API_URL = "PREFECT_API_URL"
EPHEMERAL = {  # as Prefect starts its own: no page, and only the services that a single program needs
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "0",  # looks for automations all the time, beside what is timed
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


class PrefectServer:
    """A Prefect server that starts at once, unless the settings name one; `wait` for it before a flow runs.

    A terminal's Ctrl-C does not reach it: it would be gone before the launch is, which would then try for minutes to tell it
    that it was stopped. Servers start one after the other: two that bring the same new database up to date at once get in
    each other's way.
    """

    def __init__(self) -> None:
        from prefect.settings import PREFECT_API_URL

        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""
        self._failed: Exception | None = None
        self._starting: threading.Thread | None = None
        if not PREFECT_API_URL.value():
            self._starting = threading.Thread(target=self._try_to_start, daemon=True)
            self._starting.start()

    def wait(self) -> None:
        """Wait until the server answers, and have Prefect talk to it. Raises RuntimeError where it does not start."""
        if self._starting is None:
            return
        self._starting.join()
        if self._failed is not None:
            raise self._failed
        os.environ[API_URL] = self._url
        _read_settings_again()

    def stop(self) -> None:
        """End the server, and have Prefect forget it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        if os.environ.pop(API_URL, None):
            _read_settings_again()

    def _try_to_start(self) -> None:
        from prefect.settings import PREFECT_HOME

        try:
            with _alone_in(PREFECT_HOME.value()):
                self._start()
        except Exception as error:  # noqa: BLE001  told to whoever waits
            self._failed = error

    def _start(self) -> None:
        import prefect
        from prefect.settings import get_current_settings

        port = _free_port()
        self._url = f"http://{LOOPBACK}:{port}/api"
        command = [
            sys.executable, "-m", "uvicorn", "--app-dir", str(prefect.__module_path__.parent),
            "--factory", "prefect.server.api.server:create_app", "--host", LOOPBACK, "--port", str(port),
            "--log-level", "error", "--lifespan", "on",
        ]  # fmt: skip
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        self._process = subprocess.Popen(command, env=os.environ | EPHEMERAL | settings, start_new_session=True)
        atexit.register(self.stop)
        until = time.monotonic() + START_SECONDS
        while not _answers(f"{self._url}/health"):
            if (code := self._process.poll()) is not None:
                raise RuntimeError(f"Prefect's server ended with status {code} before it answered")
            if time.monotonic() > until:
                raise RuntimeError(f"Prefect's server did not answer within {START_SECONDS} s")
            time.sleep(POLL_SECONDS)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=START_SECONDS) as answer:  # noqa: S310  on loopback
            return bool(answer.status == 200)  # noqa: PLR2004  of HTTP
    except (urllib.error.URLError, OSError):
        return False


def _read_settings_again() -> None:
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in this block for the same folder, then keep others out of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "launchgate.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
