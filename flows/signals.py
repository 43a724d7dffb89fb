"""What Ctrl-C and a service manager's SIGTERM do: stop in order, and never in the middle of a promotion."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
START_SECONDS = 120


@contextlib.contextmanager
def orderly_stop() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does, so that what is open is closed and recorded."""
    with _handling(dict.fromkeys(_heard(), signal.default_int_handler)):
        yield


@contextlib.contextmanager
def unstoppable() -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """Let a signal that asks to stop wait, for the block `stoppable()` inside of this one, or else in vain.

    Yields `stoppable`: within it signals do what they did before, and one that came earlier does so first. Whatever else
    is raised after one, by code that a signal caught in the middle, is told as the stop that it was.
    """
    waiting: list[int] = []

    @contextlib.contextmanager
    def stoppable() -> Iterator[None]:
        heard: list[int] = []

        def hear(number: int, frame: FrameType | None) -> None:
            heard.append(number)
            handler = before[number]
            if callable(handler):
                handler(number, frame)
            else:
                signal.signal(number, handler)
                signal.raise_signal(number)

        with _handling(dict.fromkeys(before, hear)):
            try:
                for number in waiting:
                    signal.raise_signal(number)
                yield
            except Exception as error:
                if heard:
                    raise KeyboardInterrupt from error
                raise
            if heard:
                raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _heard()}
    with _handling(dict.fromkeys(before, lambda number, _frame: waiting.append(number))):
        yield stoppable


def start_shielded_server() -> Callable[[], None]:
    """Start the server that Prefect makes for a program without one, where a terminal's Ctrl-C does not reach it.

    It would be gone before the launch is, which would then try for minutes to tell it that it was stopped. What is
    returned waits until the server answers; the seconds that it takes can be put to use before. Servers start one after
    the other: two that bring the same new database up to date at once get in each other's way.
    """
    from unittest import mock  # it loads asyncio

    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME

    if PREFECT_API_URL.value():
        return lambda: None
    server = SubprocessASGIServer()

    def start() -> None:
        apart = functools.partial(subprocess.Popen, start_new_session=True)
        with (
            _alone_in(PREFECT_HOME.value()),
            mock.patch.object(subprocess, "Popen", apart),  # Prefect gives no other way to say so
        ):
            server.start(START_SECONDS)

    def start_early() -> None:
        with contextlib.suppress(Exception):  # waiting for it tries again, and says why
            start()

    starting = threading.Thread(target=start_early, daemon=True)
    starting.start()

    def wait() -> None:
        starting.join()
        if not server.running:
            start()

    return wait


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in this block for the same folder, then keep others out of it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "launchgate.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _heard() -> list[int]:
    """Return the signals to stop that can be handled: not those that nohup has ignored, and none beside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [number for number in STOPS if signal.getsignal(number) not in {signal.SIG_IGN, None}]


@contextlib.contextmanager
def _handling(handlers: Mapping[int, Any]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
