"""One of two models that are timed in turns, in a process of its own, with the packages that it needs.

`python -m tasks.performance.latency.interleaved_worker` reads an TurnsOpening and then Turns from its standard input, one JSON a line, and answers each.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import StageError
from tasks.core.records import Record, Serving
from tasks.core.worker import answer_requests
from tasks.performance.latency.calls import RowCalls
from tasks.performance.latency.timing import first_answer, timed_call
from tasks.serving.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_ROWS = 100


class TurnsOpening(Record):
    """Whom to serve on which rows: those of the file `rows` that have a value in each of `complete`, in order."""

    serving: Serving
    rows: Path
    complete: tuple[str, ...]


class Turn(Record):
    """A call of one batch: numbers of rows, taken modulo how many there are."""

    rows: tuple[int, ...]


class Took(Record):
    """Seconds of the call, None where it failed."""

    seconds: float | None


def take_turns(opening: TurnsOpening) -> Callable[[Turn], Took]:
    """Load the model, have it answer once, and return what times each further call."""
    import pandas as pd

    inputs = pd.read_parquet(opening.rows, columns=list(opening.complete)).dropna()
    if inputs.empty:
        raise StageError("the production sample has no row with inputs to time")
    calls = RowCalls(Server(opening.serving), inputs[list(opening.serving.input_columns)])
    first_answer(calls, [calls.prepare([row]) for row in range(min(calls.rows, FIRST_ROWS))])

    def take(turn: Turn) -> Took:
        took = timed_call(calls, calls.prepare([row % calls.rows for row in turn.rows]))
        return Took(seconds=None if took is None else took.seconds)

    return take


if __name__ == "__main__":
    answer_requests(TurnsOpening, take_turns, Turn)
