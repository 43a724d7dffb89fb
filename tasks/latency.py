"""Closed-loop latency by batch size, end to end: encode, session and decode of production rows.

Runs alone too: `python -m tasks.latency REQUEST.json RESPONSE.json`.
"""

from __future__ import annotations

import random
import time
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.adapter import MOST_REFUSALS, AdapterError
from tasks.child import measure, serve
from tasks.evidence import BatchTimes, LatencyEvidence, Raw
from tasks.files import digest
from tasks.records import Record, Serving, StageError
from tasks.serving import Server

if TYPE_CHECKING:
    import pandas as pd

    from tasks.policy import Measuring

INPUTS_PER_BATCH = 64
WARMUP_CALLS = 10
OVERTIME = 2  # of the seconds asked for, where calls turn out slower than the pilot
LEAST_CALLS = 12  # at each batch size, however long they take: fewer hardly bound a median


class LatencyRequest(Record):
    """What to time: `calls` and `seconds` bound each batch size, whichever comes first."""

    serving: Serving
    rows: Path
    batches: tuple[int, ...]
    calls: dict[int, int]
    seconds: dict[int, float]
    seed: int


class LatencyResponse(Record):
    """What was timed, in seconds."""

    load_seconds: float
    first_call_seconds: float
    warmup_calls: int
    batches: tuple[BatchTimes, ...]


def measure_latency(serving: Serving, rows: Path, measuring: Measuring, seed: int, out: Path) -> LatencyEvidence:
    """Return wall seconds of calls at each batch size, on rows drawn at random from the production sample at `rows`.

    Batch sizes take turns in random order, so that a drift of the machine does not look like an effect of the batch.
    Raises StageError where the variant does not run on the target, or crashes.
    """
    single = min(measuring.batches)
    request = LatencyRequest(
        serving=serving,
        rows=rows,
        batches=measuring.batches,
        calls={
            size: measuring.latency_calls if size == single else measuring.calls_per_batch for size in measuring.batches
        },
        seconds={
            size: measuring.latency_seconds if size == single else measuring.batch_seconds for size in measuring.batches
        },
        seed=seed,
    )
    response = measure("tasks.latency", request, LatencyResponse, measuring.stage_timeout_seconds)
    return LatencyEvidence(
        target=serving.target,
        threads=serving.threads,
        load_seconds=response.load_seconds,
        first_call_seconds=response.first_call_seconds,
        warmup_calls=response.warmup_calls,
        batches=response.batches,
        raw=_save(response, out),
    )


def time_calls(request: LatencyRequest) -> LatencyResponse:
    """Load the variant, warm it up, and time it; the body of the child process."""
    import pandas as pd

    inputs = pd.read_parquet(request.rows, columns=list(request.serving.input_columns)).dropna()
    if inputs.empty:
        raise StageError("the production sample has no row with inputs to time")
    draw = random.Random(request.seed)  # noqa: S311  a seeded schedule, no secret
    prepared = {size: _draw_batches(inputs, size, request.calls[size], draw) for size in request.batches}
    started = time.perf_counter()
    server = Server(request.serving)
    loaded = time.perf_counter()
    singles = prepared[min(request.batches)]
    first = next((took for rows in singles[:MOST_REFUSALS] if (took := _seconds(server, rows)) is not None), None)
    if first is None:
        raise StageError("none of the first production rows could be answered, so there is nothing to time")
    for rows in [prepared[size][0] for size in request.batches] + list(islice(cycle(singles), WARMUP_CALLS)):
        _seconds(server, rows)
    pilots = {size: _seconds(server, prepared[size][-1]) for size in request.batches}
    calls = {
        size: most
        if (pilot := pilots[size]) is None
        else min(most, max(LEAST_CALLS, round(request.seconds[size] / pilot)))
        for size, most in request.calls.items()
    }
    times: dict[int, list[float]] = {size: [] for size in request.batches}
    spent = dict.fromkeys(request.batches, 0.0)
    turns = {size: cycle(prepared[size]) for size in request.batches}
    for size in _schedule(calls, draw):
        if spent[size] >= OVERTIME * request.seconds[size] and len(times[size]) >= LEAST_CALLS:
            continue
        took = _seconds(server, next(turns[size]))
        if took is not None:
            times[size].append(took)
            spent[size] += took
    return LatencyResponse(
        load_seconds=loaded - started,
        first_call_seconds=first,
        warmup_calls=WARMUP_CALLS + len(request.batches),
        batches=tuple(BatchTimes(batch=size, seconds=tuple(times[size])) for size in request.batches),
    )


def _seconds(server: Server, rows: pd.DataFrame) -> float | None:
    """Return how long one call took, None where it fails: how often that is, the evaluation counts."""
    begun = time.perf_counter()
    try:
        server.predict(rows)
    except AdapterError:
        return None
    return time.perf_counter() - begun


def _draw_batches(inputs: pd.DataFrame, size: int, calls: int, draw: random.Random) -> list[pd.DataFrame]:
    """Return frames of `size` rows drawn with replacement, made before the clock runs."""
    count = calls if size == 1 else min(calls, INPUTS_PER_BATCH)
    return [inputs.iloc[draw.choices(range(len(inputs)), k=size)].reset_index(drop=True) for _ in range(count)]


def _schedule(calls: dict[int, int], draw: random.Random) -> list[int]:
    """Return the batch size of every call: rounds in each of which every size has its share, shuffled."""
    rounds = max(1, min(calls.values()))
    order = []
    for index in range(rounds):
        turn = [
            size
            for size, count in calls.items()
            for _ in range(count * (index + 1) // rounds - count * index // rounds)
        ]
        draw.shuffle(turn)
        order += turn
    return order


def _save(response: LatencyResponse, out: Path) -> Raw:
    import pandas as pd

    pairs = [(times.batch, second) for times in response.batches for second in times.seconds]
    path = out / "latency.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(pairs, columns=["batch", "seconds"]).to_parquet(path, index=False)
    return Raw(path=f"{out.parent.name}/{out.name}/{path.name}", sha256=digest(path), rows=len(pairs))


if __name__ == "__main__":
    serve(LatencyRequest, time_calls)
