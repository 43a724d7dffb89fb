"""Memory of a serving process: its peak at each batch size, and what it keeps of each call over a soak.

Runs alone too: `python -m tasks.memory REQUEST.json RESPONSE.json`.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from tasks.adapter import MOST_REFUSALS
from tasks.child import measure, serve
from tasks.evidence import BatchPeak, MemoryEvidence
from tasks.records import Record, Serving, StageError
from tasks.serving import Server, batches, lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tasks.policy import Measuring

Points = tuple[tuple[int, int], ...]

SOAK_BATCHES = (1, 2, 1, 4, 1, 8, 1, 1)  # batch sizes alternate, single calls as most of them
ROWS_A_CYCLE = sum(SOAK_BATCHES)
POINTS = 25
CALLS_PER_PEAK = 3
STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
RESET_PEAK = "5"


class MemoryRequest(Record):
    """What to serve, and for how long; the soak stops at whichever of calls and seconds comes first."""

    serving: Serving
    rows: Path
    batches: tuple[int, ...]
    soak_calls: int
    soak_seconds: float
    seed: int


def measure_memory(serving: Serving, rows: Path, measuring: Measuring, seed: int) -> MemoryEvidence:
    """Return peaks by batch size and the growth over a soak, measured in a fresh process.

    Raises StageError where the variant does not run on the target, or crashes.
    """
    request = MemoryRequest(
        serving=serving,
        rows=rows,
        batches=measuring.batches,
        soak_calls=measuring.soak_calls,
        soak_seconds=measuring.soak_seconds,
        seed=seed,
    )
    return measure("tasks.memory", request, MemoryEvidence, measuring.stage_timeout_seconds)


def watch_memory(request: MemoryRequest) -> MemoryEvidence:
    """Serve and watch the own process; the body of the child."""
    import pandas as pd

    inputs = pd.read_parquet(request.rows, columns=list(request.serving.input_columns)).dropna()
    if inputs.empty:
        raise StageError("the production sample has no row with inputs to serve")
    draw = np.random.default_rng(request.seed)
    inputs = inputs.iloc[draw.permutation(len(inputs))]
    unseen = inputs.iloc[len(inputs) // 2 :]  # kept for the second soak, or what is cached by input would be there
    inputs = inputs.iloc[: max(1, len(inputs) // 2)]
    server = Server(request.serving)
    loaded = psutil.Process().memory_info().rss
    answered = 0
    for row in batches(inputs.head(MOST_REFUSALS), 1):
        answered += server.predict_most(row)
        if answered == CALLS_PER_PEAK:
            break
    if not answered:
        raise StageError("none of the first production rows could be answered, so there is nothing to watch")
    warm = psutil.Process().memory_info().rss
    gc.collect()
    gc.freeze()  # what is imported stays; walking it at every collection would take half of the stage
    peaks = []
    for size in sorted(request.batches):
        parts = [
            inputs.iloc[draw.integers(len(inputs), size=size)].reset_index(drop=True) for _ in range(CALLS_PER_PEAK)
        ]
        gc.collect()
        CLEAR_REFS.write_text(RESET_PEAK)
        for part in parts:
            server.predict_most(part)
        peaks.append(BatchPeak(batch=size, peak_bytes=_peak_bytes()))
    rss = _soak(server, request, inputs, lambda: psutil.Process().memory_info().rss)
    tracemalloc.start()
    python = _soak(server, request, unseen, lambda: tracemalloc.get_traced_memory()[0])
    return MemoryEvidence(
        loaded_bytes=loaded, warm_bytes=warm, peaks=tuple(peaks), soak_rss=rss, soak_python=python
    )  # fmt: skip


def _soak_cycles(inputs: pd.DataFrame, count: int) -> list[list[dict[str, list[Any]]]]:
    """Return `count` cycles of calls: sizes as in `SOAK_BATCHES`, lengths from the shortest to the longest.

    Every cycle has rows that the others don't, as long as there are enough: what is kept by input would not grow with
    repeated ones.
    """
    ordered = inputs.iloc[np.argsort(lengths(inputs), kind="stable")]
    stops = np.cumsum(SOAK_BATCHES)
    cycles = []
    for index in range(count):
        own = np.arange(index % len(ordered), len(ordered), count)
        spread = own[np.linspace(0, len(own) - 1, ROWS_A_CYCLE).astype(int)]
        parts = [ordered.iloc[part] for part in np.split(spread, stops[:-1])]
        cycles.append([{str(name): part[name].tolist() for name in part} for part in parts])
    return cycles


def _soak(server: Server, request: MemoryRequest, inputs: pd.DataFrame, read: Callable[[], int]) -> Points:
    """Serve whole cycles and return (calls so far, bytes) at evenly spaced points, garbage collected before each.

    Every call gets a frame of its own, as a service's would: pandas notes each view of a frame in the frame.
    """
    import pandas as pd

    each = max(1, request.soak_calls // (len(SOAK_BATCHES) * POINTS))
    cycles = _soak_cycles(inputs, each * POINTS)  # kept to the end: what the soak itself frees would hide a leak
    until = time.monotonic() + request.soak_seconds
    points: list[tuple[int, int]] = []
    while len(points) < POINTS and time.monotonic() < until:
        for cycle in cycles[len(points) * each : (len(points) + 1) * each]:
            for rows in cycle:
                server.predict_most(pd.DataFrame(rows))
        gc.collect()
        points.append(((len(points) + 1) * each * len(SOAK_BATCHES), read()))
    return tuple(points)


def _peak_bytes() -> int:
    """Return the peak resident memory since it was last reset (VmHWM, in kB in /proc)."""
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise StageError(f"{STATUS} gives no VmHWM, so peak memory can't be read on this system")


if __name__ == "__main__":
    serve(MemoryRequest, watch_memory)
