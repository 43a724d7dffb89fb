"""What else the machine does while times are taken: other processes' load, and how steady a fixed piece of work is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from tasks.evidence import NOISY_LOAD, Noise

STAT = Path("/proc/stat")
PROCESSES = Path("/proc")
EVERY_SECONDS = 0.025
LOOK_SECONDS = 1.0  # at a machine that is to become quiet
CONTROL_STEPS = 6_000  # about a millisecond
BUSY = (0, 1, 2, 5, 6, 7)  # of the columns in /proc/stat: user, nice, system, irq, softirq, steal
SESSION, USER_TIME, SYSTEM_TIME = 3, 11, 12  # of the columns in /proc/PID/stat after the name


class OtherLoad:
    """Watches from now on how much of the cores other processes take."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._busy, self._own = _busy_seconds(), _own_seconds()

    def read(self, *sessions: int | None) -> float | None:
        """Return the share of all cores that others took so far; None where the system does not say.

        Own processes are those of this one's session, and those of `sessions` that began since.
        """
        busy = _busy_seconds()
        if self._busy is None or busy is None:
            return None
        took, cores = time.perf_counter() - self._started, os.cpu_count() or 1
        own = _own_seconds(*sessions) - self._own
        return min(1.0, max(0.0, (busy - self._busy - own) / (took * cores)))


def wait_for_quiet(seconds: float) -> None:
    """Wait until others take no more than a noisy share of the cores, for so long at most."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        watch = OtherLoad()
        time.sleep(LOOK_SECONDS)
        if (watch.read() or 0.0) <= NOISY_LOAD:
            return


class NoiseMeter:
    """Watches the machine from now on; call `tick` between the calls that are timed."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._others = OtherLoad()
        self._control = [_control()]
        self._due = time.perf_counter() + EVERY_SECONDS

    def tick(self) -> None:
        """Time the control, if it is due."""
        if time.perf_counter() >= self._due:
            self._control.append(_control())
            self._due = time.perf_counter() + EVERY_SECONDS

    def read(self) -> Noise:
        """Return what was seen so far."""
        return Noise(
            seconds=time.perf_counter() - self._started,
            machine_cores=os.cpu_count() or 1,
            affinity=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else (),
            other_load=self._others.read(),
            control_calls=len(self._control),
            control_median_ms=float(np.median(self._control)) * 1e3,
            control_p99_ms=float(np.quantile(self._control, 0.99)) * 1e3,
        )


def _control() -> float:
    """Return how many seconds a fixed piece of work took, of one thread and without memory to speak of."""
    begun, total = time.perf_counter(), 0
    for step in range(CONTROL_STEPS):
        total += step * step
    return time.perf_counter() - begun


def _busy_seconds() -> float | None:
    """Return the seconds that all cores were busy since the machine started; None where the system does not say."""
    if not STAT.exists():
        return None
    columns = STAT.read_text().partition("\n")[0].split()[1:]
    return sum(int(columns[at]) for at in BUSY) / os.sysconf("SC_CLK_TCK")


def _own_seconds(*sessions: int | None) -> float:
    """Return the processor seconds of this process, of its children that ended, and of those that run of its session or `sessions`."""
    total = sum(os.times()[:4])
    if not STAT.exists():
        return total
    own, ticks = {str(each) for each in (os.getsid(0), *sessions)}, 0
    for path in PROCESSES.glob("[0-9]*/stat"):
        try:
            columns = path.read_text().rpartition(") ")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if columns[SESSION] in own and path.parent.name != str(os.getpid()):
            ticks += int(columns[USER_TIME]) + int(columns[SYSTEM_TIME])
    return total + ticks / os.sysconf("SC_CLK_TCK")
