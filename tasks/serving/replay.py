"""The recorded inputs of a launch answered again, by the graph it recorded or by a new one, and held against its answers.

Runs alone too: `python -m tasks.serving.replay REQUEST.json RESPONSE.json`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.candidate.adapter import AdapterError
from tasks.core.records import Record, Serving
from tasks.core.worker import answer_request, run_worker
from tasks.evidence import Difference
from tasks.serving.differences import compare_answers, flips
from tasks.serving.golden import read_golden, read_golden_inputs
from tasks.serving.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORDED_BATCH = 1  # the recorded answers were given one by one


class ReplayRequest(Record):
    """What to serve, and the recorded inputs and answers (a pair of .parquet and .npz) to hold it against."""

    case: str
    serving: Serving
    golden: Path


class Flip(Record):
    """A recorded decision that is another one now; `row` counts the rows of the recorded inputs from 0."""

    row: int
    before: str
    after: str


class Replay(Record):
    """How the answers differ from the recorded ones, and each decision that flipped."""

    difference: Difference
    flipped: tuple[Flip, ...] = ()

    @property
    def same_decisions(self) -> bool:
        """Whether every recorded input was answered, and with the recorded decision."""
        found = self.difference
        return found.rows > 0 and found.error is None and found.flips == 0


def replay(case: str, serving: Serving, golden: Path, timeout_seconds: float) -> Replay:
    """Return how `serving` answers the recorded inputs in a fresh process, against the recorded answers.

    Raises StageError where the variant does not run on its target, or its process crashes.
    """
    request = ReplayRequest(case=case, serving=serving, golden=golden)
    return run_worker("tasks.serving.replay", request, Replay, timeout_seconds, serving.packages)


def answer_recorded(request: ReplayRequest) -> Replay:
    """Answer the recorded inputs as they were answered then; the body of the child.

    An input that cannot be answered any more is the difference's error.
    """
    recorded, inputs = read_golden(request.golden), read_golden_inputs(request.golden, request.serving.input_columns)
    rows = len(recorded.frame)
    try:
        now = Server(request.serving).predict_in(inputs, RECORDED_BATCH)
    except AdapterError as error:
        why = f"a recorded input cannot be answered any more: {error}"
        return Replay(difference=Difference(case=request.case, rows=rows, error=why))
    before, after = recorded.frame["prediction"], now.frame["prediction"]
    same = request.serving.marking.same
    flipped = flips(before, after, same).nonzero()[0]
    return Replay(
        difference=compare_answers(request.case, recorded, now, same),
        flipped=tuple(Flip(row=int(row), before=str(before[row]), after=str(after[row])) for row in flipped),
    )


def named_flips(flipped: Sequence[Flip], shown: int = 3) -> str:
    """Return the first flips in words: their rows, and what was and is said of them."""
    words = [f"row {flip.row} was {flip.before} and is {flip.after}" for flip in flipped[:shown]]
    return "; ".join(words) + (f"; and {len(flipped) - shown} more" if len(flipped) > shown else "")


if __name__ == "__main__":
    answer_request(ReplayRequest, answer_recorded)
