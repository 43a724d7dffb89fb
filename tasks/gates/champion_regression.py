"""The candidate's variant against the live champion, paired on the same labelled production rows.

The accuracy lost is held by the upper bound of a paired score test (non-inferiority). A first launch has no champion to
lose against: it passes and says so, and the absolute floors decide.
"""

from typing import Annotated, Literal

from pydantic import Field

from tasks.evidence import FirstLaunch, Paired, Unmeasured, VariantEvidence
from tasks.gates.comparisons import error_at_most, loss_at_most
from tasks.gates.verdict import Question, absent, verdict
from tasks.records import Check, GateLimits, GateResult

NAME = "champion-regression"
CHECKLIST = "week 3-4"
SCOPE: Literal["launch", "variant"] = "variant"
NEEDS = "the variant's and the champion's answers on the same production rows, with labels"
DECIDES = "whether the variant is as accurate on production as the model that is live"


class Limits(GateLimits):
    """How much accuracy may be lost."""

    margin: Annotated[float, Field(gt=0, lt=1, description="largest loss of accuracy against the champion")]
    error_margin: Annotated[
        float | None, Field(gt=0, description="largest rise of the mean error, in its own unit")
    ] = None


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant against the champion."""
    found = evidence.evaluation
    if isinstance(found, Unmeasured):
        checks: tuple[Check, ...] = (absent(found),)
    elif isinstance(found.against_champion, Unmeasured):
        checks = (absent(found.against_champion),)
    elif isinstance(found.against_champion, FirstLaunch):
        because = f"This is the first launch of {found.against_champion.model}; the absolute floors decide"
        checks = (Check(name="accuracy", outcome="pass", because=because),)
    else:
        checks = _losses(found.against_champion, limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _losses(paired: Paired, limits: Limits) -> tuple[Check, ...]:
    remedy = "keep the champion, and look at the rows that only it gets right"
    lost = Question("accuracy", "The accuracy lost against the live champion on production", "accuracy", remedy)
    checks = (loss_at_most(lost, paired.overall, limits.margin, limits.confidence),)
    if limits.error_margin is None:
        return checks
    risen = Question("error", "The rise of the mean error against the live champion on production", "", remedy)
    return (*checks, error_at_most(risen, paired.error_rise, limits.error_margin, limits.confidence))
