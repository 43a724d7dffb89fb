"""Which gate ends a launch early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.evidence import Evidence, Unmeasured, VariantEvidence
from tasks.gates import GATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.core.verdicts import GateResult
    from tasks.decision.policy import Policy
    from tasks.evidence import Evidence


def reason_to_stop(subject: Evidence | VariantEvidence, policy: Policy, gates: Sequence[str]) -> Unmeasured | None:
    """Return why a launch or a variant is measured no further: the first of these gates that rejects it. None if it is."""
    gate = rejection(subject, policy, gates) if policy.measure.rejected == "stop" else None
    if gate is None:
        return None
    of = subject.name if isinstance(subject, VariantEvidence) else "variants"
    what = "this variant" if isinstance(subject, VariantEvidence) else "the launch"
    return Unmeasured(stage=of, why=f"{gate.gate} rejects {what} already")


def rejection(subject: Evidence | VariantEvidence, policy: Policy, gates: Sequence[str]) -> GateResult | None:
    """Return the result of the first of these gates that blocks a launch or a variant and fails it already, None if none does.

    What has no result yet is no failure: it may still come.
    """
    limits = policy.limits()
    results = (GATES[name].judge(subject, limits[name]) for name in gates)
    return next((result for result in results if result.blocks and result.outcome == "fail"), None)
