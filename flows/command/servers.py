"""MLflow's UI and Prefect's server on loopback, until they are told to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import typer

from flows.signals import orderly_stop
from infra.ledger.address import is_server, without_password
from infra.ledger.mlflow_ledger import open_ledger
from tasks.core.errors import InputError
from tasks.core.store import home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LOOPBACK = "127.0.0.1"
START_SECONDS = 120
STOP_SECONDS = 10
POLL_SECONDS = 0.2
SHOWN = 300
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # of agent evaluation: eight processes that launches have no use for
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


# A password in the store's address stays out of the command line, which every user of the machine can read.
MLFLOW = ("mlflow", "server", "--workers", "1")
RUNS_PAGE = "/#/experiments?workflowType=machine_learning"  # without it the menu hides models and their runs
PREFECT = ("prefect", "--no-prompt", "server", "start")


class ServerProcess(NamedTuple):
    """A server that was started: its process, the address that answers once it is up, and its log."""

    name: str
    process: subprocess.Popen[bytes]
    health: str
    log: Path


def serve_pages(mlflow_port: int, prefect_port: int) -> None:
    """Start both servers on what launches recorded, print their addresses once both answer, and stop both when asked to.

    A server that launches already go to (MLFLOW_TRACKING_URI, PREFECT_API_URL) is not started: its address is printed.
    A port of 0 is any free one. Raises InputError where a port is taken, the ledger does not answer, or a server ends by
    itself; the other one is then stopped.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL

    ports = _ports({"--mlflow-port": mlflow_port, "--prefect-port": prefect_port})
    ledger = open_ledger()
    ledger.check()
    mlflow, prefect = (f"http://{LOOPBACK}:{port}" for port in ports)
    with orderly_stop(), contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as running:
        servers: list[ServerProcess] = []
        if is_server(ledger.tracking_uri):
            mlflow = without_password(ledger.tracking_uri)
        else:
            store = {
                "MLFLOW_BACKEND_STORE_URI": ledger.tracking_uri,
                "MLFLOW_DEFAULT_ARTIFACT_ROOT": ledger.artifact_root,
            }
            servers.append(running.enter_context(_running("MLflow", MLFLOW, f"{mlflow}/health", store)))
        if PREFECT_API_URL.value():
            prefect = PREFECT_UI_URL.value()
        else:
            own = {"PREFECT_SERVER_UI_API_URL": f"{prefect}/api"}  # else the page asks port 4200
            servers.append(running.enter_context(_running("Prefect", PREFECT, f"{prefect}/api/health", own)))
        _await(servers)
        _say(f"MLflow   {mlflow}{RUNS_PAGE}")
        _say(f"Prefect  {prefect}")
        for model, address in ledger.pages(mlflow).items():
            _say(f"launches of {model}: {address}")
        _stay(servers)


def _await(servers: list[ServerProcess]) -> None:
    """Wait until all answer. Raises InputError where one ended, or is too slow."""
    _say(f"starting {' and '.join(server.name for server in servers)}" if servers else "both servers run already")
    deadline = time.monotonic() + START_SECONDS
    while silent := [server for server in servers if not _answers(server)]:
        _check(servers)
        if time.monotonic() > deadline:
            raise InputError(f"{silent[0].name} did not answer within {START_SECONDS} s; read {silent[0].log}")
        time.sleep(POLL_SECONDS)


def _stay(servers: list[ServerProcess]) -> None:
    """Return once there is no server to stay for, that is at once or never. Raises InputError as soon as one has ended."""
    if servers:
        _say("Ctrl-C stops them")
    while servers:
        _check(servers)
        time.sleep(POLL_SECONDS)


def _check(servers: list[ServerProcess]) -> None:
    for server in servers:
        status = server.process.poll()
        if status is not None:
            lines = [line.strip() for line in server.log.read_text(errors="replace").splitlines() if line.strip()]
            said = lines[-1][:SHOWN] if lines else "it said nothing"
            raise InputError(
                f"{server.name} ended by itself (status {status}): {said}; its log is {server.log}; "
                "what else was started is stopped, so start again once that is mended"
            )


@contextlib.contextmanager
def _running(
    name: str, module: tuple[str, ...], health: str, settings: Mapping[str, str | None]
) -> Iterator[ServerProcess]:
    """Run `python -m MODULE` on the port of `health`, and leave nothing of it."""
    command = [sys.executable, "-m", *module, "--host", LOOPBACK, "--port", str(urlsplit(health).port)]
    log = home() / f"{name.lower()}-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | QUIET | {key: value for key, value in settings.items() if value}
    with log.open("wb") as stream:
        # A session of its own: Ctrl-C reaches this process alone, and then both are stopped in order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield ServerProcess(name, process, health, log)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a server and its own children to stop, and kill what is left."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def _answers(server: ServerProcess) -> bool:
    try:
        with urllib.request.urlopen(server.health, timeout=5):  # noqa: S310  loopback
            return True
    except OSError:
        return False


def _ports(asked: dict[str, int]) -> list[int]:
    """Return the ports, 0 replaced by a free one. Raises InputError where one is taken or no port."""
    with contextlib.ExitStack() as held:
        ports = []
        for option, port in asked.items():
            # A port that was just left is free, although the system still waits for late packets.
            listener = held.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((LOOPBACK, port))
                listener.listen()
            except (OSError, OverflowError) as error:
                why = "is no port" if isinstance(error, OverflowError) else f"can't be used: {error.strerror}"
                raise InputError(f"port {port} {why}; give another one with {option}, or 0 for a free one") from error
            ports.append(listener.getsockname()[1])
        return ports


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()
