"""From evidence to a decision: every gate, then the cheapest variant that no blocking gate holds back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.core.errors import InputError
from tasks.core.verdicts import WORST_FIRST, Decision, GateResult
from tasks.evidence import Evidence, Unmeasured, VariantEvidence
from tasks.gates import GATES

if TYPE_CHECKING:
    from tasks.decision.policy import Policy


def decide(evidence: Evidence, policy: Policy, run_id: str) -> Decision:
    """Return the decision on priced evidence.

    Promotes the cheapest (money, then service time) of the asked variants for which every blocking gate passes; with
    none, rejects and gives the reasons in order: of the whole launch first, then of the variant that came closest, then of the rest.
    A gate for the target of another policy than the evidence's was not measured on its target.
    """
    if policy.target != evidence.target:
        raise InputError(
            f"the policy {policy.name} is for the target {policy.target}, but this evidence was taken on "
            f"{evidence.target}; launch again with --target {policy.target}"
        )
    limits = policy.limits()
    shared = [gate.judge(evidence, limits[name]) for name, gate in GATES.items() if gate.SCOPE == "launch"]
    own = {
        variant.name: [gate.judge(variant, limits[name]) for name, gate in GATES.items() if gate.SCOPE == "variant"]
        for variant in evidence.variants
    }
    asked = {variant.name: own[variant.name] for variant in evidence.variants if variant.asked}
    blocked = {name: [gate for gate in [*shared, *results] if gate.blocks] for name, results in own.items()}
    made = {variant.name for variant in evidence.variants if not isinstance(variant.variant, Unmeasured)}
    passing = [each for each in evidence.variants if each.asked and each.name in made and not blocked[each.name]]
    chosen = min(passing, key=_expense) if passing else None
    return Decision(
        candidate=evidence.candidate,
        candidate_sha256=evidence.candidate_sha256,
        outcome="promote" if chosen else "reject",
        variant=chosen.name if chosen else None,
        target=evidence.target,
        policy=policy.reference,
        reasons=_why_promoted(chosen, passing) if chosen else _why_rejected(shared, asked) or _why_not_made(evidence),
        gates=(*shared, *(result for results in own.values() for result in results)),
        environment=evidence.environment.model_dump(mode="json"),
        run_id=run_id,
        decided_at=datetime.now(UTC),
    )


def _expense(variant: VariantEvidence) -> tuple[float, float]:
    if isinstance(variant.cost, Unmeasured):
        return (float("inf"), float("inf"))
    return (variant.cost.usd_per_thousand, variant.cost.service_ms)


def _why_promoted(chosen: VariantEvidence, passing: list[VariantEvidence]) -> tuple[str, ...]:
    if isinstance(chosen.cost, Unmeasured):
        return (f"{chosen.name} passes every blocking gate",)
    money = (
        f"${chosen.cost.usd_per_thousand:.4f} per 1,000 predictions, {chosen.cost.service_ms:.2f} ms of service time"
    )
    others = [variant.name for variant in passing if variant.name != chosen.name]
    also = f"; {', '.join(others)} would pass too" if others else ""
    return (f"{chosen.name} is the cheapest variant that passes every blocking gate ({money}){also}",)


def _why_not_made(evidence: Evidence) -> tuple[str, ...]:
    """Return why there is nothing to promote though no gate holds it back, as where all of them only warn."""
    lacking = [(each.name, each.variant) for each in evidence.variants if each.asked]
    whys = [f"{name} was not made: {lack.why}" for name, lack in lacking if isinstance(lack, Unmeasured)]
    return tuple(whys) or ("no variant was measured, so there is nothing to promote",)


def _why_rejected(shared: list[GateResult], own: dict[str, list[GateResult]]) -> tuple[str, ...]:
    if not own:
        return ()
    reasons = [f"{gate.gate}: {gate.because}" for gate in _by_weight(shared)]
    for name in sorted(own, key=lambda variant: len(_by_weight(own[variant]))):
        reasons += [f"{name}: {gate.gate}: {gate.because}" for gate in _by_weight(own[name])]
    return tuple(reasons)


def _by_weight(results: list[GateResult]) -> list[GateResult]:
    """Return the blocking results that did not pass, failures first."""
    return sorted((gate for gate in results if gate.blocks), key=lambda gate: WORST_FIRST.index(gate.outcome))
