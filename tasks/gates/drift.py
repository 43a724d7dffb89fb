"""How far production's requests have moved from the evaluation set: by what is shown of the distance, not by a p-value.

Each thing that both sets show (length, language, format and unknown words of text, other inputs as they are, the mix of
labels) has a distance between 0 and 1, and an interval that holds at the gate's confidence. That one lies over the limit
is shown by its lower bound at the level that is left when all share one (Bonferroni), since of twenty columns that have
not moved one would else look so by chance. That none does takes all of the upper bounds, an intersection-union test, so
each is taken at the full level.

The columns that the verdict names as moved are more: of these at most the same share is chance (Benjamini and Hochberg).
They decide nothing.
"""

from functools import partial
from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import DriftColumn, DriftEvidence, Evidence, Unmeasured
from tasks.gates.comparisons import rows_to_settle
from tasks.gates.verdict import Question, absent, at_most, unmeasured, verdict
from tasks.statistics import Interval, discoveries, distance_interval, smallest_level

NAME = "drift"
CHECKLIST = "week 3-4"
SCOPE: Scope = "launch"
STOPS_AFTER: tuple[Stage, ...] = ("data",)
NEEDS = "the inputs and labels of the evaluation set and of the production sample"
DECIDES = "whether production's requests are still like those that the model was evaluated on"
REMEDY = "add requests like these to the evaluation set and train on them, or find out what changed upstream"


class Limits(GateLimits):
    """How far any input may have moved."""

    max_distance: Annotated[
        float,
        Field(gt=0, lt=1, description="largest distance in any input or label: 0 is alike, 1 has nothing in common"),
    ]


def judge(evidence: Evidence, limits: Limits) -> GateResult:
    """Return the verdict on the launch's drift."""
    return held(evidence.drift, limits)


def held(
    found: DriftEvidence | Unmeasured, limits: Limits, name: str = NAME, against: str = "evaluation set"
) -> GateResult:
    """Return the verdict, under the gate's or another name, on distances from the evaluation set or another reference."""
    if isinstance(found, Unmeasured):
        return verdict(name, CHECKLIST, limits, (absent(found),))
    checks = tuple(_check(column, len(found.columns), limits, against) for column in found.columns)
    moved = _moved(found, limits)
    note = f"moved: {', '.join(moved)}" if len(moved) > 1 else ""
    return verdict(name, CHECKLIST, limits, checks, note=note)


def _moved(found: DriftEvidence, limits: Limits) -> list[str]:
    """Return the columns that lie over the limit, few of them by chance."""
    compared = [column for column in found.columns if column.evaluation_rows and column.production_rows]

    def shown(column: DriftColumn, confidence: float) -> bool:
        return _interval(column, confidence).low > limits.max_distance

    levels = [smallest_level(partial(shown, column)) for column in compared]
    return [compared[place].column for place in discoveries(levels, 1 - limits.confidence)]


def _check(column: DriftColumn, columns: int, limits: Limits, against: str) -> Check:
    for name, rows in ((against, column.evaluation_rows), ("production sample", column.production_rows)):
        if not rows:
            return unmeasured(column.column, f"The {name} has no values of '{column.column}' to compare")
    question = Question(
        column.column,
        f"The distance of production from the {against} in '{column.column}' ({column.in_words()})",
        "share",
        REMEDY,
        f"rows of the {against}, and of production in proportion,",
    )
    bounds = _bounds(column, columns, limits.confidence)
    needed = rows_to_settle(column.evaluation_rows, bounds, limits.max_distance)
    return at_most(question, bounds, limits.max_distance, limits.confidence, needed)


def _bounds(column: DriftColumn, columns: int, confidence: float) -> Interval:
    """Return the upper bound at the confidence asked, and the lower one at what is left for each of so many columns."""
    alone, shared = _interval(column, confidence), _interval(column, 1 - (1 - confidence) / columns)
    return Interval(column.distance, shared.low, alone.high)


def _interval(column: DriftColumn, confidence: float) -> Interval:
    rows = column.evaluation_rows, column.production_effective_rows
    return distance_interval(column.distance, *rows, confidence, column.excess)
