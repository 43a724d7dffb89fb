"""Wrong answers that nobody looks at again, because the model was sure of them.

Of all labelled production requests, those that failed or got no answer included, the share with a wrong answer of at
least the policy's confidence is held by its upper bound, and that of each declared slice too, by its own limit: all must
pass (an intersection-union test), so each is tested at the full level. Confident errors are counted at a few thresholds;
the policy's own is rounded down to one of them, which counts more errors, never fewer.
"""

from typing import Annotated, Literal

from pydantic import Field

from tasks.evidence import ConfidentErrors, Share, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rate_at_most
from tasks.gates.verdict import Question, absent, unmeasured, verdict
from tasks.records import Check, GateLimits, GateResult

NAME = "silent-failures"
CHECKLIST = "week 3-4"
SCOPE: Literal["launch", "variant"] = "variant"
NEEDS = "the variant's answers on the production sample, with labels and confidence"
DECIDES = "whether few enough requests get a wrong answer that the variant is sure of, overall and in every slice"


class Limits(GateLimits):
    """From which confidence on an error is silent, and how many of all requests may get one."""

    min_confidence: Annotated[float, Field(ge=0.5, lt=1, description="confidence from which nobody looks again")]
    max_rate: Annotated[float, Field(gt=0, lt=1, description="highest share of all requests with a confident error")]
    max_slice_rate: Annotated[float, Field(gt=0, lt=1, description="highest share in any slice with enough rows")]
    min_slice_rows: Annotated[int, Field(ge=1, description="fewest labelled rows of a slice that is judged")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's confident errors."""
    found = evidence.calibration
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    counted = [each for each in found.confident_errors if each.threshold <= limits.min_confidence]
    if not counted:
        because = f"No confident error was counted from a confidence of {limits.min_confidence:g} or less on"
        return verdict(NAME, CHECKLIST, limits, (unmeasured("errors", because),), variant=evidence.name)
    errors = max(counted, key=lambda each: each.threshold)
    return verdict(NAME, CHECKLIST, limits, _checks(errors, limits), variant=evidence.name)


def _checks(found: ConfidentErrors, limits: Limits) -> tuple[Check, ...]:
    def check(name: str, share: Share, rows: int, limit: float) -> Check:
        question = Question(
            name,
            f"The share of wrong answers with a confidence of {found.threshold:g} or more among {rows:,} labelled"
            f" requests ({name})",
            "share",
            "make the confidence honest (calibrate it on rows like these), or let the model abstain on what it doesn't know",
            "labelled requests",
        )
        return rate_at_most(question, share, limit, limits.confidence, rows)

    large = [part for part in found.slices if part.rows >= limits.min_slice_rows]
    return (
        check("all production requests", found.errors, found.rows, limits.max_rate),
        *(check(f"{part.column}={part.value}", part.errors, part.rows, limits.max_slice_rate) for part in large),
    )
