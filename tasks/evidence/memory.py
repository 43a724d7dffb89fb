"""Memory of a serving process."""

from __future__ import annotations

from tasks.core.records import Record, Target
from tasks.evidence.common import Unmeasured
from tasks.evidence.gpu import Device


class BatchPeak(Record):
    """Peak resident memory of the process while it served one batch size, and what it held on the device afterwards."""

    batch: int
    peak_bytes: int
    device_bytes: int | None = None


class MemoryEvidence(Record):
    """Memory of a serving process: peaks by batch size, and growth over a soak.

    Each soak holds (requests so far, bytes): resident memory, what the C library's allocator has handed out (empty where it
    does not tell), and, in a second soak, what Python and numpy allocated. `device` is the GPU once the process was warm.
    """

    target: Target = "cpu"
    loaded_bytes: int
    warm_bytes: int
    peaks: tuple[BatchPeak, ...]
    soak_rss: tuple[tuple[int, int], ...]
    soak_python: tuple[tuple[int, int], ...]
    soak_native: tuple[tuple[int, int], ...] = ()
    device: Device | Unmeasured = Unmeasured(stage="device memory", why="not asked for")
