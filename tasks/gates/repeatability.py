"""Recorded inputs give the same answer again: in the same process, and in a fresh one.

A single decision that flips fails, since the same request must not be answered in two ways; the largest difference of
an output is held as it is. Both are known exactly for the recorded inputs, so there is no interval.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import DeterminismEvidence, Unmeasured, VariantEvidence
from tasks.gates.comparisons import differences
from tasks.gates.verdict import Question, absent, exactly_at_most, unmeasured, verdict

NAME = "repeatability"
CHECKLIST = "week 5-6"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("determinism",)
NEEDS = "recorded inputs answered again, in the same process and in a fresh one"
DECIDES = "whether the same input gets the same answer twice"

REMEDY = (
    "seed or remove what is random in the forward pass and the adapter, keep nothing of one input for the next, and pin"
    " nondeterministic kernels"
)


class Limits(GateLimits):
    """How far a repeated answer may be from the first one; no decision may flip."""

    max_relative_difference: Annotated[
        float, Field(gt=0, description="largest difference of an output, as a share of its root mean square")
    ]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's repeated answers."""
    found = evidence.determinism
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found, limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _checks(found: DeterminismEvidence, limits: Limits) -> tuple[Check, ...]:
    if not found.repeats:
        return (unmeasured("repeats", "No input was answered twice; run the determinism stage"),)
    flips = tuple(
        exactly_at_most(
            Question(
                f"{case.case}: flips",
                f"The number of decisions among {case.rows} that flip ({case.case})",
                "",
                REMEDY,
            ),
            case.flips,
            0,
        )
        for case in found.repeats
        if case.error is None and case.rows > 0
    )
    return (*flips, *differences(found.repeats, limits.max_relative_difference, REMEDY))
