"""Memory of a serving process, read from another one: its peak at each batch size, and what it keeps of each request.

Runs alone too: `python -m tasks.performance.memory.measure REQUEST.json RESPONSE.json`.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tasks.core.errors import StageError
from tasks.core.records import Record, Serving
from tasks.core.worker import Conversation, answer_request
from tasks.evidence import BatchPeak, Device, MemoryEvidence, Unmeasured
from tasks.performance.gpu.memory import read_device
from tasks.performance.memory.soak_worker import REQUESTS_A_CYCLE, SOAK_BATCHES, SoakOpening, SoakReading, Step

if TYPE_CHECKING:
    from tasks.core.settings import Measuring

POINTS = 25
PROC = Path("/proc")
RESET_PEAK = "5"  # written to clear_refs, see proc(5)


class MemoryRequest(Record):
    """What to serve, and for how long: each soak stops at whichever of calls and seconds comes first, a step at its timeout."""

    serving: Serving
    rows: Path
    batches: tuple[int, ...]
    soak_calls: int
    soak_seconds: float
    seed: int
    timeout_seconds: float


def measure_memory(serving: Serving, rows: Path, measuring: Measuring, seed: int) -> MemoryEvidence:
    """Return peaks by batch size and the growth over a soak, of a fresh process that another one watches.

    Raises StageError where the variant does not run on the target, or crashes.
    """
    request = MemoryRequest(
        serving=serving,
        rows=rows,
        batches=measuring.batches,
        soak_calls=measuring.soak_calls,
        soak_seconds=measuring.soak_seconds,
        seed=seed,
        timeout_seconds=measuring.stage_timeout_seconds,
    )
    return watch_memory(request)


def watch_memory(request: MemoryRequest) -> MemoryEvidence:
    """Have another process serve, and read its memory. Raises StageError as `measure_memory` does."""
    each = max(1, request.soak_calls // (len(SOAK_BATCHES) * POINTS))
    opening = SoakOpening(serving=request.serving, rows=request.rows, seed=request.seed, cycles=each * POINTS)
    served = _Served(opening, request.timeout_seconds)
    try:
        served.take(Step(what="load"))
        loaded = served.resident()
        served.take(Step(what="warm"))
        warm, device = served.resident(), served.device()
        peaks = []
        for size in sorted(request.batches):
            served.take(Step(what="draw", batch=size))
            served.reset_peak()
            served.take(Step(what="call"))
            peaks.append(BatchPeak(batch=size, peak_bytes=served.peak(), device_bytes=served.device_bytes()))
        plain = served.soak(Step(what="plain", count=each), request.soak_seconds)
        traced = served.soak(Step(what="traced", count=each), request.soak_seconds)
    finally:
        served.close()
    return MemoryEvidence(
        target=request.serving.target,
        loaded_bytes=loaded,
        warm_bytes=warm,
        peaks=tuple(peaks),
        device=device,
        soak_rss=tuple((requests, resident) for requests, resident, _ in plain),
        soak_native=tuple(
            (requests, done.native_bytes) for requests, _, done in plain if done.native_bytes is not None
        ),
        soak_python=tuple(
            (requests, done.python_bytes) for requests, _, done in traced if done.python_bytes is not None
        ),
    )


class _Served:
    """The process that serves, with those that the model starts."""

    def __init__(self, opening: SoakOpening, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._child = Conversation("tasks.performance.memory.soak_worker", opening, opening.serving.packages)
        self._process = psutil.Process(self._child.pid)
        self._target = opening.serving.target

    def take(self, step: Step) -> SoakReading:
        """Have it take a step. Raises StageError."""
        return self._child.ask(step, SoakReading, self._timeout_seconds)

    def resident(self) -> int:
        """Return its resident bytes."""
        return self._sum("VmRSS")

    def peak(self) -> int:
        """Return the most resident bytes since the last reset."""
        return self._sum("VmHWM")

    def reset_peak(self) -> None:
        """Have the kernel note peaks anew."""
        for process in self._all():
            with contextlib.suppress(OSError):  # one that the model started may have ended
                (PROC / str(process.pid) / "clear_refs").write_text(RESET_PEAK)

    def device(self) -> Device | Unmeasured:
        """Return the device that it runs on, or why there is none to read."""
        if self._target == "cpu":
            return Unmeasured(stage="device memory", why="the target is cpu, which keeps nothing on a device")
        return read_device({process.pid for process in self._all()})

    def device_bytes(self) -> int | None:
        """Return what it holds on the device; onnxruntime's arena there gives nothing back, so that this is its most so far."""
        device = self.device()
        return None if isinstance(device, Unmeasured) else device.held_bytes

    def soak(self, step: Step, seconds: float) -> list[tuple[int, int, SoakReading]]:
        """Return (requests so far, resident bytes, what is allocated) after each of evenly spaced steps."""
        until = time.monotonic() + seconds
        points: list[tuple[int, int, SoakReading]] = []
        while len(points) < POINTS and time.monotonic() < until:
            done = self.take(step)
            points.append(((len(points) + 1) * step.count * REQUESTS_A_CYCLE, self.resident(), done))
        return points

    def close(self) -> None:
        """End it."""
        self._child.close()

    def _all(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def _sum(self, name: str) -> int:
        own, *others = (_status_bytes(process.pid, name) for process in self._all())
        if own is None:
            raise StageError(
                f"{PROC} tells no {name} of the process that serves, so memory can't be read on this system"
            )
        return own + sum(each or 0 for each in others)


def _status_bytes(pid: int, name: str) -> int | None:
    """Return a size that the kernel tells of a process, in bytes (in kB in /proc); None of one that has ended."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None


if __name__ == "__main__":
    answer_request(MemoryRequest, watch_memory)
