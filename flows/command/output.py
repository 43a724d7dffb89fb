"""Who may write where: JSON alone on standard output, Prefect's log in a file, progress on standard error."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING, Protocol

from flows.command.prefect_server import PrefectServer
from tasks.core.errors import InputError
from tasks.core.store import home
from tasks.report.progress import ProgressHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MAX_LOG_BYTES = 20_000_000
PROGRESS = "launchgate"


class Writer(Protocol):
    """Somewhere to write text."""

    def write(self, text: str, /) -> object:
        """Write `text`."""


def log_file() -> Path:
    """Return where Prefect's log and the traces of unexpected errors go."""
    return home() / "launchgate.log"


@contextlib.contextmanager
def standard_output(guarded: bool) -> Iterator[Writer]:
    """Yield the real standard output; while `guarded`, whatever else writes there goes to standard error.

    The file descriptor itself is turned, so that a library's or a candidate's prints, in C too, can't spoil the JSON.
    """
    if not guarded:
        yield sys.stdout
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(kept, "w", encoding="utf-8", closefd=False) as out:
            yield out
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        atexit.register(os.dup2, 2, 1)  # what a library says while the program ends is no JSON either


def set_up_prefect(verbose: bool) -> Callable[[], None]:
    """Set Prefect up for a command: no telemetry, and its log in a file unless `verbose`.

    Its server starts meanwhile; call what is returned to wait for it.
    """
    for key, value in {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLI_COLORS": "false",
    }.items():
        os.environ.setdefault(key, value)
    server = PrefectServer()
    show_progress()
    if not verbose:
        _log_to_file()
    return server.wait


def _log_to_file() -> None:
    """Turn every logger that writes to the terminal to the log file; the progress goes to both."""
    import prefect.main  # noqa: F401  it configures logging when imported
    from prefect.logging.configuration import setup_logging

    setup_logging()
    path = log_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    for name in {"", *logging.root.manager.loggerDict} - {PROGRESS}:
        logger = logging.getLogger(name)
        if any(_is_console(item) for item in logger.handlers):
            logger.handlers = [item for item in logger.handlers if not _is_console(item)] + [handler]
    logging.getLogger(PROGRESS).addHandler(handler)


def show_progress() -> None:
    """Show on standard error which stage runs, and each that is done."""
    progress = logging.getLogger(PROGRESS)
    if not progress.handlers:
        progress.addHandler(ProgressHandler())
        progress.setLevel(logging.INFO)
        progress.propagate = False


def keep_trace(error: BaseException) -> str:
    """Append the stack trace of an unexpected error to the log file, and say where it is."""
    try:
        path = log_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            traceback.print_exception(error, file=stream)
    except (OSError, InputError) as why:
        return f"its trace could not be kept: {why}"
    return f"the trace is in {path}"


def _is_console(handler: logging.Handler) -> bool:
    return getattr(handler, "stream", None) in (sys.stdout, sys.stderr)
