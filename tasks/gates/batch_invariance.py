"""A row's answer does not depend on its neighbours: the same rows alone, and in batches of other sizes and paddings.

At each batch size, decisions that flip are a rate, held by its exact upper bound, and the largest difference of an
output is held as it is. Every batch size must pass, so the worst one decides and no correction for their number is due.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import DeterminismEvidence, Share, Unmeasured, VariantEvidence
from tasks.gates.comparisons import differences, rate_at_most
from tasks.gates.verdict import Question, absent, unmeasured, verdict

NAME = "batch-invariance"
CHECKLIST = "week 1-2"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("determinism",)
NEEDS = "the same production rows answered alone and in batches"
DECIDES = "whether a request's answer stays the same whichever batch it is served in"

REMEDY = "take what looks across the batch out of the graph (dynamic int8 scales, batch statistics, unmasked padding)"


class Limits(GateLimits):
    """How far an answer may move with its batch."""

    max_flip_rate: Annotated[float, Field(gt=0, lt=1, description="largest share of rows whose decision flips")]
    max_relative_difference: Annotated[
        float, Field(gt=0, description="largest difference of an output, as a share of its root mean square")
    ]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's independence from its batches."""
    found = evidence.determinism
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found, limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _checks(found: DeterminismEvidence, limits: Limits) -> tuple[Check, ...]:
    if not found.batches:
        return (unmeasured("batches", "No row was served in two batch sizes; measure more than one (measure.batches)"),)
    flips = tuple(
        rate_at_most(
            Question(f"{case.case}: flips", f"The share of decisions that flip ({case.case})", "share", REMEDY),
            Share(events=case.flips, trials=case.rows),
            limits.max_flip_rate,
            limits.confidence,
        )
        for case in found.batches
        if case.error is None
    )
    return (*flips, *differences(found.batches, limits.max_relative_difference, REMEDY))
