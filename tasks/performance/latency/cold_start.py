"""A cold start: fresh processes timed from their start to their first answer, on to steady times, and after a warm-up.

Runs alone too: `python -m tasks.performance.latency.cold_start REQUEST.json [RESPONSE.json]`.
"""

from __future__ import annotations

import importlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.records import Record, Serving
from tasks.core.worker import answer_request, run_worker
from tasks.evidence import ColdStart, ColdStartEvidence, Raw
from tasks.performance.latency.calls import RowCalls
from tasks.performance.latency.timing import first_answer, timed_call
from tasks.serving.server import Server, lengths
from tasks.statistics import settling_point

if TYPE_CHECKING:
    import pandas as pd

    from tasks.core.settings import Measuring

WARMUP_FILE = "warmup.parquet"
CALL = "warmup_call"  # the column that says which rows of the warm-up file are one batch
ROW = "sample_row"  # the column that says where in the sample, without rows that lack an input, each is from
CALLS = 60  # after the first answer
ALIKE_ROWS = 5  # answered in turns: one alone could be kept by its input
SETTLED_WITHIN = 0.25  # of the median of the second half
WINDOW = 7  # calls of a rolling median
LENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # quantiles of production's lengths that the warm-up has a row of
SELF = Path("/proc/self/stat")
START_TIME = 19  # of the columns in /proc/PID/stat after the name, in ticks since the machine started


class StartRequest(Record):
    """What to start. Without `warmup`, calls of about median length follow the first answer; with it, its inputs do."""

    serving: Serving
    rows: Path
    seed: int
    warmup: Path | None = None


def measure_cold_start(
    serving: Serving, rows: Path, measuring: Measuring, serving_batch: int, seed: int, out: Path
) -> ColdStartEvidence:
    """Return `measuring.cold_starts` fresh processes: half of them, rounded down, warm up with inputs chosen from `rows`.

    The warm-up is as long as the others took to be steady, has a row of every fifth of production's lengths and batches of
    `serving_batch`, and is written to `out`/warmup.parquet. Raises StageError where the variant does not run on the
    target or the policy asks for no start, and ModelError where it crashes, hangs or answers nothing.
    """
    if not measuring.cold_starts:
        raise StageError("the policy asks for no cold start (measure.cold_starts is 0)")
    warmed = measuring.cold_starts // 2
    seeds = iter(range(seed, seed + measuring.cold_starts))
    request = StartRequest(serving=serving, rows=rows, seed=seed)

    def started(warmup: Path | None) -> ColdStart:
        asked = request.model_copy(update={"seed": next(seeds), "warmup": warmup})
        return run_worker("tasks.performance.latency.cold_start", asked, ColdStart, measuring.stage_timeout_seconds)

    cold = [started(None) for _ in range(measuring.cold_starts - warmed)]
    settled = max(CALLS if one.settled_after is None else one.settled_after for one in cold)
    calls = _choose_warmup(serving, rows, settled, serving_batch, seed)
    path = out / WARMUP_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    calls.to_parquet(path, index=False)
    return ColdStartEvidence(
        target=serving.target,
        threads=serving.threads,
        starts=(*cold, *(started(path) for _ in range(warmed))),
        warmup_calls=int(calls[CALL].nunique()),
        warmup=Raw(path=f"{out.parent.name}/{out.name}/{path.name}", sha256=digest(path), rows=len(calls)),
    )


def start_once(request: StartRequest) -> ColdStart:
    """Load the variant, answer, and go on answering; the body of the child process, which must just have started."""
    interpreter, entered = _age_seconds(), time.perf_counter()
    for library in ("onnxruntime", "pandas"):
        importlib.import_module(library)
    imported = time.perf_counter()
    server = Server(request.serving)
    loaded = time.perf_counter()
    inputs, warmup = _read(request)  # a service reads no files here, so this counts for nothing
    source = RowCalls(server, inputs)
    order = np.random.default_rng(request.seed).permutation(len(inputs)).tolist()
    first = first_answer(source, [source.prepare([row]) for row in order[:CALLS]])
    if warmup is None:
        middle = np.argsort(lengths(inputs), kind="stable")[len(inputs) // 2 :][:ALIKE_ROWS].tolist()
        followed = [source.prepare([middle[call % len(middle)]]) for call in range(CALLS)]
    else:
        for rows in warmup:
            timed_call(source, rows)
        followed = [source.prepare([row]) for row in order[-CALLS:]]
    times = [took.seconds for rows in followed if (took := timed_call(source, rows)) is not None]
    return ColdStart(
        warmed=warmup is not None,
        interpreter_seconds=interpreter,
        imports_seconds=imported - entered,
        load_seconds=loaded - imported,
        first_answer_seconds=first.seconds,
        calls_ms=tuple(1e3 * took for took in times),
        settled_after=None if warmup is not None else settling_point(times, SETTLED_WITHIN, WINDOW),
    )


def _choose_warmup(serving: Serving, rows: Path, least: int, batch: int, seed: int) -> pd.DataFrame:
    """Return the warm-up's rows, in `warmup_call` which of them are one batch: at least `least` calls, all lengths in turns."""
    import pandas as pd

    inputs = pd.read_parquet(rows, columns=list(serving.input_columns)).dropna().reset_index(drop=True)
    ordered = np.argsort(lengths(inputs), kind="stable")
    shapes = [int(ordered[round(q * (len(inputs) - 1))]) for q in LENGTHS]
    calls = [[shapes[call % len(shapes)]] for call in range(max(least, len(shapes)))]
    if batch > 1:
        draw = np.random.default_rng(seed)
        # The longest row decides a batch's shape, so each length leads one batch.
        calls += [[row, *draw.integers(len(inputs), size=batch - 1).tolist()] for row in shapes]
    flat = [row for rows in calls for row in rows]
    chosen = inputs.iloc[flat].reset_index(drop=True)
    chosen[CALL] = np.repeat(np.arange(len(calls)), [len(rows) for rows in calls])
    chosen[ROW] = flat
    return chosen


def _read(request: StartRequest) -> tuple[pd.DataFrame, list[pd.DataFrame] | None]:
    """Return the rows to answer, and the batches of the warm-up; rows of the warm-up are not among the former."""
    import pandas as pd

    columns = list(request.serving.input_columns)
    inputs = pd.read_parquet(request.rows, columns=columns).dropna().reset_index(drop=True)
    if inputs.empty:
        raise StageError("the production sample has no row with inputs to start with")
    if request.warmup is None:
        return inputs, None
    warmup = pd.read_parquet(request.warmup)
    calls = [part[columns].reset_index(drop=True) for _, part in warmup.groupby(CALL)]
    other = inputs.drop(index=warmup[ROW].unique().tolist())
    return inputs if other.empty else other.reset_index(drop=True), calls


def _age_seconds() -> float:
    """Return how long ago this process was started, to a hundredth of a second; the clock counts a suspended machine."""
    started = int(SELF.read_text().rpartition(") ")[2].split()[START_TIME]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)


if __name__ == "__main__":
    answer_request(StartRequest, start_once)
