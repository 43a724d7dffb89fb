"""The candidate's variant and the live champion timed in turns on the same rows, in one process.

Runs alone too: `python -m tasks.latency.turns REQUEST.json [RESPONSE.json]`.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.child import measure, serve
from tasks.evidence import ChampionLatency, Noise, Raw, TurnTimes
from tasks.files import digest
from tasks.latency.calls import RowCalls
from tasks.latency.machine import Watch
from tasks.latency.timing import attempt, first_answer
from tasks.records import Record, Serving, StageError
from tasks.serving import Server

if TYPE_CHECKING:
    from tasks.policy import Measuring

MOST_BLOCKS = 1_000
LEAST_BLOCKS = 20  # however long they take: fewer hardly bound a ratio
WARMUP_BLOCKS = 5
FIRST_ROWS = 100
COLUMNS = ("candidate_1", "champion_1", "champion_2", "candidate_2")


class TurnsRequest(Record):
    """Whom to time on which rows, and for how many seconds at each batch size."""

    candidate: Serving
    champion: Serving
    rows: Path
    batches: tuple[int, ...]
    seconds: float
    seed: int


class TurnsResponse(Record):
    """What was timed."""

    batches: tuple[TurnTimes, ...]
    noise: Noise


def compare_with_champion(
    candidate: Serving, champion: Serving, rows: Path, measuring: Measuring, serving_batch: int, seed: int, out: Path
) -> ChampionLatency:
    """Return seconds of both, in blocks of four calls (ABBA), at batch 1 and `serving_batch`; raw in `out`/turns.parquet.

    Raises StageError where one of them does not run on the target, and ModelError where one crashes, hangs or answers
    nothing.
    """
    import pandas as pd

    request = TurnsRequest(
        candidate=candidate,
        champion=champion,
        rows=rows,
        batches=tuple(sorted({1, serving_batch})),
        seconds=measuring.champion_seconds,
        seed=seed,
    )
    response = measure("tasks.latency.turns", request, TurnsResponse, measuring.stage_timeout_seconds)
    saved = [(times.batch, *block) for times in response.batches for block in times.blocks]
    path = out / "turns.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(saved, columns=["batch", *COLUMNS]).to_parquet(path, index=False)
    raw = Raw(path=f"{out.parent.name}/{out.name}/{path.name}", sha256=digest(path), rows=len(saved))
    return ChampionLatency(batches=response.batches, noise=response.noise, raw=raw)


def time_in_turns(request: TurnsRequest) -> TurnsResponse:
    """Load both and time them: candidate, champion, champion, candidate on the same rows; the body of the child."""
    import pandas as pd

    names = dict.fromkeys((*request.candidate.input_columns, *request.champion.input_columns))
    inputs = pd.read_parquet(request.rows, columns=list(names)).dropna()
    if inputs.empty:
        raise StageError("the production sample has no row with inputs to time")
    both = [
        RowCalls(Server(serving), inputs[list(serving.input_columns)])
        for serving in (request.candidate, request.champion)
    ]
    draw = random.Random(request.seed)  # noqa: S311  a seeded schedule, no secret
    for calls in both:
        first_answer(calls, [calls.prepare([row]) for row in range(min(calls.rows, FIRST_ROWS))])
    watch = Watch()
    batches = tuple(_blocks(both, size, request.seconds, watch, draw) for size in request.batches)
    return TurnsResponse(batches=batches, noise=watch.read())


def _blocks(both: list[RowCalls], size: int, seconds: float, watch: Watch, draw: random.Random) -> TurnTimes:
    """Return blocks at one batch size; one with a call that fails is left out, since it has no pair."""
    blocks = []
    until = time.perf_counter() + seconds
    for number in range(MOST_BLOCKS):
        if time.perf_counter() > until and number >= LEAST_BLOCKS:
            break
        rows = draw.choices(range(both[0].rows), k=size)
        candidate, champion = (calls.prepare(rows) for calls in both)
        watch.tick()
        order = ((0, candidate), (1, champion), (1, champion), (0, candidate))
        times = [took.seconds for who, inputs in order if (took := attempt(both[who], inputs)) is not None]
        if len(times) == len(order) and number >= WARMUP_BLOCKS:
            blocks.append((times[0], times[1], times[2], times[3]))
    return TurnTimes(batch=size, blocks=tuple(blocks))


if __name__ == "__main__":
    serve(TurnsRequest, time_in_turns)
