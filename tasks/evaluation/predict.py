"""An answer, or a reason why there is none, for every row of a data set."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tasks.candidate.adapter import MOST_REFUSALS
from tasks.core.errors import StageError
from tasks.evaluation.outcomes import ABSTAINED, ANSWERED
from tasks.serving.pipelined import Span, predict_ahead
from tasks.serving.server import Answers, Server, lengths

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from tasks.candidate.adapter import Arrays


BATCH = 32
MOST_TIMES, SHORT = 2, 16  # as long as the first row of a batch; what is shorter costs as little as a row can


@dataclass(frozen=True)
class Predictions:
    """One row a request, in the data set's order: prediction, confidence, outcome and why it failed.

    `outcome` is answered, abstained (a missing prediction), exception, non_finite or malformed.
    """

    frame: pd.DataFrame
    seconds: float


def predict_all(server: Server, inputs: pd.DataFrame) -> Predictions:
    """Return an answer, or a reason why there is none, for every row of `inputs`.

    Rows are batched by length so that padding is small, and one batch is encoded while the one before is answered. A
    batch that raises is cut until the failing rows are found.

    Raises StageError where the first rows all fail: then all are taken to, since to show it of each could take hours.
    """
    import pandas as pd

    sizes = lengths(inputs)
    order = np.argsort(sizes, kind="stable")
    answers = np.empty(len(inputs), dtype=object)
    confidence = np.full(len(inputs), np.nan)
    outcome = np.full(len(inputs), ANSWERED, dtype=object)
    why = np.full(len(inputs), None, dtype=object)
    answered = refused = 0
    started = time.perf_counter()
    pending = _spans(sizes[order].tolist())
    while pending:  # halves of the last batch may be left when all others are answered
        for (start, stop), answer in predict_ahead(server, inputs.iloc[order], _drain(pending)):
            part = order[start:stop]
            if isinstance(answer, Answers):
                answered += len(part)
                answers[part] = answer.frame["prediction"].to_numpy(dtype=object)
                confidence[part] = answer.frame["confidence"].to_numpy()
                outcome[part], why[part] = _outcomes(answer)
            elif stop - start > 1:
                middle = (start + stop) // 2
                pending += [Span(start, middle), Span(middle, stop)]
            else:
                outcome[part], why[part] = "exception", str(answer)
                refused += 1
                if refused == MOST_REFUSALS and not answered:
                    raise StageError(f"none of the first {refused} rows could be answered: {answer}") from answer
    seconds = time.perf_counter() - started
    frame = pd.DataFrame({"prediction": answers, "confidence": confidence, "outcome": outcome, "why": why})
    return Predictions(frame, seconds)


def _spans(sizes: list[int]) -> list[Span]:
    """Return batches of rows that are in the order of their length, the first to be answered last.

    A batch ends where it is full, or before a row that is over twice as long as its first: few long rows among short
    ones would have these padded to their length.
    """
    starts = [0]
    for row, size in enumerate(sizes):
        if row - starts[-1] == BATCH or size > MOST_TIMES * max(sizes[starts[-1]], SHORT):
            starts.append(row)
    spans = [Span(*ends) for ends in pairwise([*starts, len(sizes)]) if sizes]
    for place in (0, len(spans) // 2):  # begin with a middling, a long and a short batch: few faults hit all three
        spans += spans[place : place + 1]
        del spans[place : place + 1]
    return spans


def _drain(pending: list[Span]) -> Iterator[Span]:
    """Yield the last of `pending` and take it away, until none is left; more may be put there meanwhile."""
    while pending:
        yield pending.pop()


def _outcomes(answer: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's outcome and reason, judged from the raw outputs and from prediction and confidence."""
    frame = answer.frame
    outcome = np.full(len(frame), ANSWERED, dtype=object)
    why = np.full(len(frame), None, dtype=object)
    confidence = frame["confidence"].to_numpy()
    abstained = frame["prediction"].isna().to_numpy()
    outside = ~((confidence >= 0) & (confidence <= 1)) & ~(abstained & np.isnan(confidence))
    outcome[abstained] = ABSTAINED
    for row in np.flatnonzero(outside):
        outcome[row], why[row] = "malformed", f"confidence {confidence[row]} is not in [0, 1]"
    broken = ~np.isfinite(confidence) & outside
    for name, array in _float_outputs(answer.outputs, len(frame)).items():
        bad = ~np.isfinite(array.reshape(len(frame), -1)).all(axis=1)
        for row in np.flatnonzero(bad):
            outcome[row], why[row] = "non_finite", f"the output {name} is not finite"
    for row in np.flatnonzero(broken & (outcome == "malformed")):
        outcome[row], why[row] = "non_finite", "the confidence is not finite"
    return outcome, why


def _float_outputs(outputs: Arrays, rows: int) -> Arrays:
    return {name: a for name, a in outputs.items() if a.dtype.kind == "f" and a.ndim and len(a) == rows and a.size}
