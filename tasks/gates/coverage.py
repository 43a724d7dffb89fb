"""How many requests get an answer at all: a model must not be accurate by answering only what it is sure of.

A request that raised, gave no usable answer, or on which the model abstained has none. The share over all of production
is held by its lower bound, and that of each declared slice too, by its own floor: all must pass (an intersection-union
test), so each is tested at the full level.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Scores, Tally, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rate_at_least
from tasks.gates.verdict import Question, absent, verdict

NAME = "coverage"
CHECKLIST = "week 7-8"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the variant's answers on the production sample"
DECIDES = "whether enough requests are answered, abstentions and failures counted, overall and in every slice"


class Limits(GateLimits):
    """The lowest shares of requests with an answer."""

    min_answered: Annotated[float, Field(gt=0, lt=1, description="lowest share of all requests that are answered")]
    min_slice_answered: Annotated[float, Field(gt=0, lt=1, description="lowest share in any slice with enough rows")]
    min_slice_rows: Annotated[int, Field(ge=1, description="fewest rows of a slice that is judged")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's share of answered requests."""
    found = evidence.evaluation
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    return verdict(NAME, CHECKLIST, limits, _checks(found.production, limits), variant=evidence.name)


def _checks(scores: Scores, limits: Limits) -> tuple[Check, ...]:
    large = [part for part in scores.slices if part.tally.rows >= limits.min_slice_rows]
    return (
        _answered("all production requests", scores.overall, limits.min_answered, limits),
        *(_answered(f"{p.column}={p.value}", p.tally, limits.min_slice_answered, limits) for p in large),
    )


def _answered(name: str, tally: Tally, floor: float, limits: Limits) -> Check:
    question = Question(
        name,
        f"The share of answered requests among {tally.rows:,} ({name}; {tally.abstained:,} abstained,"
        f" {tally.errors:,} failed)",
        "share",
        "lower the threshold at which the model abstains, or mend what fails",
        "requests",
    )
    return rate_at_least(question, tally.answered, floor, limits.confidence, tally.rows)
