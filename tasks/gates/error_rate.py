"""Exceptions, non-finite and malformed outputs over all requests of the evaluation set and the production sample.

The rate of them all is held by its exact upper bound to the threshold at which operators would pull the kill switch. A
NaN is never a matter of rate: one says that the graph can leave the numbers, so its count is held as it is.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import EvaluationEvidence, Share, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rate_at_most
from tasks.gates.verdict import Question, absent, exactly_at_most, unmeasured, verdict

NAME = "error-rate"
CHECKLIST = "week 3-4"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the variant's answers on the evaluation set and the production sample"
DECIDES = "whether the variant answers every request with a usable number, at the rate that the kill switch allows"


class Limits(GateLimits):
    """How many requests may go wrong."""

    max_error_rate: Annotated[float, Field(gt=0, lt=1, description="largest share of requests without a usable answer")]
    max_non_finite: Annotated[int, Field(ge=0, description="most answers with a NaN or an infinity")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's errors."""
    found = evidence.evaluation
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found, limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _checks(found: EvaluationEvidence, limits: Limits) -> tuple[Check, ...]:
    both = (found.evaluation, found.production)
    if empty := [scores.dataset for scores in both if scores.overall.rows == 0]:
        return (unmeasured("errors", f"No request of the {' or '.join(empty)} data was answered; give it rows"),)
    rows = sum(scores.overall.rows for scores in both)
    non_finite = sum(scores.non_finite for scores in both)
    examples = [example for scores in both for example in scores.error_examples]
    remedy = "mend the model or the adapter" + (f", for example: {examples[0]}" if examples else "")
    rate = Question("errors", f"The error rate over {rows:,} requests", "share", remedy, "requests")
    count = Question("non-finite", "The number of answers that are NaN or infinite", "", remedy)
    failed = Share(
        events=sum(scores.overall.failed.events for scores in both),
        trials=sum(scores.overall.failed.trials for scores in both),
    )
    checked = rate_at_most(rate, failed, limits.max_error_rate, limits.confidence, rows)
    return (checked, exactly_at_most(count, non_finite, limits.max_non_finite))
