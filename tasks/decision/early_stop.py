"""Which gate ends a launch early: its evidence is there, it blocks, and it fails already."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from tasks.core.verdicts import Stage
from tasks.evidence import Evidence, Unmeasured, VariantEvidence
from tasks.gates import GATES

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.decision.policy import Policy

ORDER: tuple[Stage, ...] = get_args(Stage)


def reason_to_stop(subject: Evidence | VariantEvidence, policy: Policy, after: Stage) -> Unmeasured | None:
    """Return why nothing more is measured of a launch or a variant after a stage; None where there is no reason.

    The reason is the first gate that rejects it, if the policy says to stop what is rejected; or that the policy asks for no
    later stage.
    """
    gate = rejection(subject, policy, after) if policy.measure.rejected == "stop" else None
    if gate is None:
        if ORDER.index(after) < ORDER.index(policy.measure.last_stage):
            return None
        return Unmeasured(
            stage="variants", why=f"the policy measures nothing after the stage {after} (measure.last_stage)"
        )
    if isinstance(subject, VariantEvidence):
        return Unmeasured(stage=subject.name, why=f"{gate.gate} rejects this variant already")
    return Unmeasured(stage="variants", why=f"{gate.gate} rejects the launch already")


def rejection(subject: Evidence | VariantEvidence, policy: Policy, after: Stage) -> GateResult | None:
    """Return the first blocking gate that fails by the evidence that a stage completed; None if none does.

    A gate without a result yet has not failed: its result may still come.
    """
    scope = "variant" if isinstance(subject, VariantEvidence) else "launch"
    limits = policy.limits()
    results = (
        gate.judge(subject, limits[name])
        for name, gate in GATES.items()
        if scope == gate.SCOPE and after in gate.STOPS_AFTER
    )
    return next((result for result in results if result.blocks and result.outcome == "fail"), None)
