"""The lower bound of accuracy on production, over all requests that have a label, against an absolute floor.

Requests that failed or abstained count as not correct, so a model can't look better by answering only what it is sure
of. The bound is exact, since accuracy is a rate. Where the policy says so, the mean error of numbers or sequences has a
ceiling too, held by the bound of a bootstrap that draws whole days: requests of one day are alike.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Scores, Tally, Unmeasured, VariantEvidence
from tasks.gates.comparisons import error_at_most, rate_at_least
from tasks.gates.verdict import Question, absent, unmeasured, verdict

NAME = "production-accuracy"
CHECKLIST = "week 3-4"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the variant's answers on the production sample, with labels"
DECIDES = "whether the variant is right often enough on production, whatever it was on the evaluation set"


class Limits(GateLimits):
    """The floor, and the ceiling of the error."""

    min_accuracy: Annotated[float, Field(gt=0, lt=1, description="lowest share of labelled requests answered right")]
    max_error: Annotated[
        float | None,
        Field(gt=0, description="largest mean absolute error, in the label's unit, or share of tokens that are wrong"),
    ] = None


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's accuracy on production."""
    found = evidence.evaluation
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    return held(found.production, limits, evidence.name)


def held(scores: Scores, limits: Limits, variant: str) -> GateResult:
    """Return the verdict on a variant's scores on requests of production."""
    checks = (_accuracy(scores.overall, limits), *_error(scores, limits))
    return verdict(NAME, CHECKLIST, limits, checks, variant=variant)


def _error(scores: Scores, limits: Limits) -> tuple[Check, ...]:
    if limits.max_error is None:
        return ()
    question = Question("error", "The mean error on production", "", "train on data that looks like production")
    return (error_at_most(question, scores.error, limits.max_error, limits.confidence),)


def _accuracy(tally: Tally, limits: Limits) -> Check:
    if tally.labelled == 0:
        return unmeasured("accuracy", f"None of {tally.rows:,} production requests has a label; label some of them")
    question = Question(
        "accuracy",
        f"The accuracy on {tally.labelled:,} labelled production requests",
        "accuracy",
        "train on data that looks like production",
        "labelled requests",
    )
    return rate_at_least(question, tally.right, limits.min_accuracy, limits.confidence, tally.labelled)
