"""What Ctrl-C and a service manager's SIGTERM do: stop in order, and never in the middle of a promotion."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def orderly_stop() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does, so that what is open is closed and recorded."""
    with _handling(dict.fromkeys(_heard(), signal.default_int_handler)):
        yield


@contextlib.contextmanager
def unstoppable() -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """Hold back signals that ask to stop, except in the block `stoppable()` inside of this one.

    Yields `stoppable`. Inside it, signals do what they did before; one that came earlier acts first. A signal that comes
    after it is dropped. Code that a signal interrupts may raise any error: it is raised as KeyboardInterrupt.
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
