"""The lower bound of accuracy on production, over all requests that have a label, against an absolute floor.

Requests that failed or abstained count as not correct, so a model can't look better by answering only what it is sure
of. The bound is exact, since accuracy is a rate.
"""

from typing import Annotated, Literal

from pydantic import Field

from tasks.evidence import Tally, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rate_at_least
from tasks.gates.verdict import Question, absent, unmeasured, verdict
from tasks.records import Check, GateLimits, GateResult

NAME = "production-accuracy"
CHECKLIST = "week 3-4"
SCOPE: Literal["launch", "variant"] = "variant"
NEEDS = "the variant's answers on the production sample, with labels"
DECIDES = "whether the variant is right often enough on production, whatever it was on the evaluation set"


class Limits(GateLimits):
    """The floor."""

    min_accuracy: Annotated[float, Field(gt=0, lt=1, description="lowest share of labelled requests answered right")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's accuracy on production."""
    found = evidence.evaluation
    check = absent(found) if isinstance(found, Unmeasured) else _accuracy(found.production.overall, limits)
    return verdict(NAME, CHECKLIST, limits, (check,), variant=evidence.name)


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
