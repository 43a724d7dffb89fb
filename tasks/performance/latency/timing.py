"""Calls at each batch size, one after the other, on rows drawn at random: what the measuring process does."""

from __future__ import annotations

import random
import time
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from tasks.candidate.adapter import MOST_REFUSALS, AdapterError
from tasks.core.errors import ModelError, StageError
from tasks.performance.latency.calls import Parts, RowCalls, TimedCalls
from tasks.performance.latency.noise import NoiseMeter
from tasks.performance.latency.request import CallTimes, LatencyRequest, LatencyResponse
from tasks.serving.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping


WARMUP_CALLS = 10
OVERTIME = 2  # of the seconds asked for, where calls turn out slower than the pilot
LEAST_CALLS = 6  # at each batch size, however long they take: the slowest of five bounds a median at 97% confidence


def time_calls(request: LatencyRequest) -> LatencyResponse:
    """Load what is to be timed, warm it up, and time it; the body of the child process.

    Batch sizes take turns in random order, so that a drift of the machine does not look like an effect of the batch.
    Raises ModelError where the first rows can't be answered, StageError where there is none or the target is another one.
    """
    draw = random.Random(request.seed)  # noqa: S311  a seeded schedule, no secret
    source, load_seconds = _load(request)
    drawn = {size: _draw_batches(source.rows, size, request.calls[size], draw) for size in request.batches}
    singles = drawn[min(request.batches)]
    first = first_answer(source, [source.prepare(rows) for rows in singles[:MOST_REFUSALS]])
    for rows in [drawn[size][0] for size in request.batches] + list(islice(cycle(singles), WARMUP_CALLS)):
        timed_call(source, source.prepare(rows))
    pilots = {size: timed_call(source, source.prepare(drawn[size][-1])) for size in request.batches}
    calls = {
        size: most
        if (pilot := pilots[size]) is None
        else min(most, max(LEAST_CALLS, round(request.seconds[size] / pilot.seconds)))
        for size, most in request.calls.items()
    }
    watch = NoiseMeter()
    times = _time_in_turns(source, drawn, calls, request.seconds, watch, draw)
    return LatencyResponse(
        load_seconds=load_seconds,
        first_call_seconds=first.seconds,
        warmup_calls=WARMUP_CALLS + len(request.batches),
        batches=tuple(_times(size, times[size]) for size in request.batches),
        noise=watch.read(),
    )


def timed_call(source: TimedCalls, prepared: Any) -> Parts | None:
    """Return how long one call took, None where it fails: how often that is, the evaluation counts."""
    try:
        return source.time(prepared)
    except AdapterError:
        return None


def first_answer(source: TimedCalls, singles: list[Any]) -> Parts:
    """Return how long the first call took that was answered. Raises ModelError where none of the first is."""
    why = ""
    for inputs in singles[:MOST_REFUSALS]:
        try:
            return source.time(inputs)
        except AdapterError as error:
            why = str(error)
    raise ModelError(f"none of the first production rows could be answered, so there is nothing to time: {why}")


def _load(request: LatencyRequest) -> tuple[TimedCalls, float]:
    """Return what is to be called, and how many seconds it took to load."""
    if request.serving is None or request.rows is None:
        from tasks.performance.latency.encoded import EncodedServer

        started = time.perf_counter()
        encoded = EncodedServer(request.encoded)  # type: ignore[arg-type]  # it is there, or the request was refused
        if not encoded.rows:
            raise StageError("the encoded inputs hold no row to time")
        return encoded, time.perf_counter() - started
    import pandas as pd

    inputs = pd.read_parquet(request.rows, columns=list(request.serving.input_columns)).dropna()
    if inputs.empty:
        raise StageError("the production sample has no row with inputs to time")
    started = time.perf_counter()
    server = Server(request.serving)
    return RowCalls(server, inputs), time.perf_counter() - started


def _draw_batches(rows: int, size: int, calls: int, draw: random.Random) -> list[list[int]]:
    """Return the rows of each call, drawn with replacement.

    Each is prepared just before its call, as a request is: thousands that were held ready would be walked by Python's
    collector in the midst of a call, which no service's are.
    """
    return [draw.choices(range(rows), k=size) for _ in range(calls)]


def _time_in_turns(
    source: TimedCalls,
    drawn: Mapping[int, list[list[int]]],
    calls: dict[int, int],
    seconds: Mapping[int, float],
    watch: NoiseMeter,
    draw: random.Random,
) -> dict[int, list[Parts]]:
    """Return the times of each batch size, which stops early where it takes far longer than it was given."""
    times: dict[int, list[Parts]] = {size: [] for size in drawn}
    spent = dict.fromkeys(drawn, 0.0)
    turns = {size: cycle(batches) for size, batches in drawn.items()}
    for size in schedule(calls, draw):
        if spent[size] >= OVERTIME * seconds[size] and len(times[size]) >= LEAST_CALLS:
            continue
        watch.tick()
        took = timed_call(source, source.prepare(next(turns[size])))
        if took is not None:
            times[size].append(took)
            spent[size] += took.seconds
    return times


def schedule(calls: dict[int, int], draw: random.Random) -> list[int]:
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


def _times(size: int, times: list[Parts]) -> CallTimes:
    stepped = any(one.steps for one in times)
    return CallTimes(
        batch=size,
        encode=tuple(one.encode for one in times),
        session=tuple(one.session for one in times),
        decode=tuple(one.decode for one in times),
        steps=tuple((one.steps, one.first, one.last) for one in times) if stepped else (),
        elements=sum(one.elements for one in times) / len(times) / size if times else None,
    )
