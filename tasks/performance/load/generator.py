"""The open-loop generator: sends each request when it is due, in a process that does nothing else.

`python -m tasks.performance.load.generator REQUEST.json RESPONSE.json`, as its run starts it.
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
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.records import Record
from tasks.core.worker import serve
from tasks.performance.load.batcher import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

PR_SET_TIMERSLACK = 29  # of linux/prctl.h
SPIN_NS = 40_000  # a sleep ends about so long late, at most
LAST = 19  # of the nice values, which run from -20
LEAD_NS = 50_000_000  # from the first look at the clock to time 0


class Paced(Record):
    """What to send: `schedule` is a .npy file of seconds [requests], `requests` the pipe to the server."""

    schedule: Path
    requests: Path
    sent: Path


class Sent(Record):
    """When time 0 was, on CLOCK_MONOTONIC; the times of sending lie in the file `sent`, int64 nanoseconds [requests]."""

    start_ns: int


def send_all(paced: Paced) -> Sent:
    """Send every request at its time; the body of the generator's process."""
    schedule = np.load(paced.schedule)
    queue = os.open(paced.requests, os.O_WRONLY)
    sharpen()
    go_first()
    gc.disable()
    start = time.monotonic_ns() + LEAD_NS
    sent = _pace(start + np.round(schedule * NS).astype(np.int64), queue)
    step_back()
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
    """Have Linux run this thread after the server's, which still answers while this process takes milliseconds to end."""
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.nice(LAST)


if __name__ == "__main__":
    serve(Paced, send_all)
