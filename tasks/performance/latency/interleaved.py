"""The candidate's variant and the live champion timed in turns on the same rows, each in a process of its own.

Runs alone too: `python -m tasks.performance.latency.interleaved REQUEST.json [RESPONSE.json]`.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.records import Record, Serving
from tasks.core.worker import Conversation, answer_request, run_worker
from tasks.evidence import ChampionLatency, Noise, Raw, TurnTimes
from tasks.performance.latency.interleaved_worker import Took, Turn, TurnsOpening
from tasks.performance.latency.noise import NoiseMeter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.core.settings import Measuring

MOST_BLOCKS = 1_000
LEAST_BLOCKS = 20  # however long they take: fewer hardly bound a ratio
WARMUP_BLOCKS = 5
ROW_NUMBERS = 2**32
TURNS = 4
COLUMNS = ("candidate_1", "champion_1", "champion_2", "candidate_2")


class TurnsRequest(Record):
    """Whom to time on which rows, for how many seconds at each batch size, and how long one call may take."""

    candidate: Serving
    champion: Serving
    rows: Path
    batches: tuple[int, ...]
    seconds: float
    seed: int
    timeout_seconds: float


class TurnsResponse(Record):
    """What was timed."""

    batches: tuple[TurnTimes, ...]
    noise: Noise


def compare_with_champion(
    candidate: Serving, champion: Serving, rows: Path, measuring: Measuring, serving_batch: int, seed: int, out: Path
) -> ChampionLatency:
    """Return seconds of both, in blocks of four calls (ABBA), at batch 1 and `serving_batch`; raw in `out`/turns.parquet.

    Raises StageError where one of them does not run on the target, crashes, hangs or answers nothing.
    """
    import pandas as pd

    request = TurnsRequest(
        candidate=candidate,
        champion=champion,
        rows=rows,
        batches=tuple(sorted({1, serving_batch})),
        seconds=measuring.champion_seconds,
        seed=seed,
        timeout_seconds=measuring.stage_timeout_seconds,
    )
    response = run_worker(
        "tasks.performance.latency.interleaved", request, TurnsResponse, measuring.stage_timeout_seconds
    )
    saved = [(times.batch, *block) for times in response.batches for block in times.blocks]
    path = out / "turns.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(saved, columns=["batch", *COLUMNS]).to_parquet(path, index=False)
    raw = Raw(path=f"{out.parent.name}/{out.name}/{path.name}", sha256=digest(path), rows=len(saved))
    return ChampionLatency(batches=response.batches, noise=response.noise, raw=raw)


def time_in_turns(request: TurnsRequest) -> TurnsResponse:
    """Load both, each in a process of its own, and time them in turns on the same rows; the body of the child."""
    draw = random.Random(request.seed)  # noqa: S311  a seeded schedule, no secret
    names = tuple(dict.fromkeys((*request.candidate.input_columns, *request.champion.input_columns)))
    with ExitStack() as stack:
        candidate, champion = (
            stack.enter_context(_Side(who, TurnsOpening(serving=serving, rows=request.rows, complete=names), request))
            for who, serving in (("candidate", request.candidate), ("champion", request.champion))
        )
        for side in (candidate, champion):
            side.seconds([0])  # loads it
        watch = NoiseMeter()
        batches = tuple(_blocks(candidate, champion, size, request.seconds, watch, draw) for size in request.batches)
    return TurnsResponse(batches=batches, noise=watch.read())


class _Side:
    """One of the two; a context manager."""

    def __init__(self, who: str, opening: TurnsOpening, request: TurnsRequest) -> None:
        self._who, self._timeout_seconds = who, request.timeout_seconds
        self._child = Conversation("tasks.performance.latency.interleaved_worker", opening, opening.serving.packages)

    def seconds(self, rows: Sequence[int]) -> float | None:
        """Return how long a call of these rows takes, None where it fails. Raises StageError where the process does."""
        try:
            return self._child.ask(Turn(rows=tuple(rows)), Took, self._timeout_seconds).seconds
        except StageError as error:
            raise StageError(f"the {self._who} can't be timed: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()


def _blocks(
    candidate: _Side, champion: _Side, size: int, seconds: float, watch: NoiseMeter, draw: random.Random
) -> TurnTimes:
    """Return blocks at one batch size; one with a call that fails is left out, since it has no pair."""
    blocks = []
    until = time.perf_counter() + seconds
    for number in range(MOST_BLOCKS):
        if time.perf_counter() > until and number >= LEAST_BLOCKS:
            break
        rows = [draw.randrange(ROW_NUMBERS) for _ in range(size)]
        watch.tick()
        times = [
            took for side in (candidate, champion, champion, candidate) if (took := side.seconds(rows)) is not None
        ]
        if len(times) == TURNS and number >= WARMUP_BLOCKS:
            blocks.append((times[0], times[1], times[2], times[3]))
    return TurnTimes(batch=size, blocks=tuple(blocks))


if __name__ == "__main__":
    answer_request(TurnsRequest, time_in_turns)
