"""The open-loop generator: sends each request when it is due, in a process that does nothing else.

The process is started once for all runs of a server, and waits between them: its start takes longer than a short run.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from tasks.core.errors import StageError
from tasks.core.records import Record
from tasks.core.worker import Conversation, answer_requests
from tasks.performance.load.batcher import NS

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

PR_SET_TIMERSLACK = 29  # of linux/prctl.h
SPIN_NS = 40_000  # a sleep ends about so long late, at most
LEAD_NS = 50_000_000  # from the first look at the clock to time 0


class GeneratorOpening(Record):
    """A generator needs nothing before its first run."""


class Paced(Record):
    """What to send: `schedule` is a .npy file of seconds [requests], `requests` the pipe to the server."""

    schedule: Path
    requests: Path
    sent: Path


class Sent(Record):
    """When time 0 was, on CLOCK_MONOTONIC; the times of sending lie in the file `sent`, int64 nanoseconds [requests]."""

    start_ns: int


class Generator:
    """The generator's process, which starts with its first run; a context manager that ends it."""

    def __init__(self) -> None:
        self._child: Conversation | None = None

    def send(self, paced: Paced, timeout_seconds: float) -> Sent:
        """Have all requests sent, and return when that began. Raises StageError where they are not by the timeout."""
        self._child = self._child or Conversation("tasks.performance.load.generator", GeneratorOpening())
        try:
            return self._child.ask(paced, Sent, timeout_seconds)
        except StageError:
            self.close()
            raise

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return None if self._child is None else self._child.pid

    def close(self) -> None:
        """End the process, if there is one; the next run starts another."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def send_all(paced: Paced) -> Sent:
    """Send every request at its time; what the generator's process does in each run."""
    schedule = np.load(paced.schedule)
    queue = os.open(paced.requests, os.O_WRONLY)
    sharpen()
    go_first()
    gc.disable()
    start = time.monotonic_ns() + LEAD_NS
    sent = _pace(start + np.round(schedule * NS).astype(np.int64), queue)
    step_back()
    os.close(queue)
    np.save(paced.sent, sent)
    return Sent(start_ns=start)


def _pace(due_ns: NDArray[np.int64], queue: int) -> NDArray[np.int64]:
    """Write each request to the queue when it is due and return when that was.

    A sleep alone can end tens of microseconds late, so the last of the wait is spent looking at the clock: too short to
    take a core from the server. A queue that is full makes the requests after it late, which their lateness shows.
    """
    now, sleep, write, pack = time.monotonic_ns, time.sleep, os.write, struct.Struct("<qq").pack
    sent = [0] * len(due_ns)
    for number, due in enumerate(due_ns.tolist()):
        left = due - now() - SPIN_NS
        if left > 0:
            sleep(left / NS)
        while (at := now()) < due:
            pass
        write(queue, pack(number, at))
        sent[number] = at
    return np.array(sent, dtype=np.int64)


def sharpen() -> None:
    """Have Linux end this thread's sleeps when they should, which it may by default do 50 microseconds later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1)


def go_first() -> None:
    """Have Linux run this thread, which works for microseconds, before the server's, where it may."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))


def step_back() -> None:
    """Have Linux run this thread like any other again: the server may still answer the last requests."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


if __name__ == "__main__":
    answer_requests(GeneratorOpening, lambda _: send_all, Paced)
