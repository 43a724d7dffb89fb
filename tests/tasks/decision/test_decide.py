"""From evidence to a decision: promote only what every blocking gate passes, and the cheapest of those."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from support.report_example import evidence

from tasks.core.errors import InputError
from tasks.cost.projection import price
from tasks.decision.decide import decide
from tasks.decision.policy import Policy, load_policy
from tasks.evidence import BatchTimes, CostEvidence, Evidence, Unmeasured
from tasks.gates import GATES

LOST = Unmeasured(stage="memory", why="it was killed")


@cache
def lenient(*blocking: str) -> Policy:
    """Return the standard policy in which only the named gates block."""
    policy = load_policy("standard")
    limits = {
        name.replace("-", "_"): item.model_copy(update={"severity": "block" if name in blocking else "warn"})
        for name, item in policy.limits().items()
    }
    gates: Any = policy.gates
    return policy.model_copy(update={"gates": gates.model_copy(update=limits)})


def with_variants(seen: Evidence, **changes: Any) -> Evidence:
    """Return the evidence with every variant changed in the same way."""
    return seen.model_copy(update={"variants": tuple(item.model_copy(update=changes) for item in seen.variants)})


def test_the_cheapest_variant_that_passes_is_promoted() -> None:
    """With one gate that all of them pass, money decides, and the others are named."""
    found = decide(evidence(), lenient("sample-size"), "r")
    cheapest = min(evidence().variants, key=lambda item: item.cost.usd_per_thousand)  # type: ignore[union-attr]
    assert (found.outcome, found.variant) == ("promote", cheapest.name)
    assert all(item.name in found.reasons[0] for item in evidence().variants)


def test_equal_money_is_decided_by_service_time() -> None:
    """Two variants on as many replicas differ in speed."""
    seen = evidence()
    costs = [item.cost for item in seen.variants if isinstance(item.cost, CostEvidence)]
    same = [cost.model_copy(update={"usd_per_thousand": 1.0, "service_ms": 9.0 - i}) for i, cost in enumerate(costs)]
    variants = [item.model_copy(update={"cost": cost}) for item, cost in zip(seen.variants, same, strict=True)]
    found = decide(seen.model_copy(update={"variants": tuple(variants)}), lenient("sample-size"), "r")
    assert found.variant == seen.variants[-1].name


def test_a_variant_that_nobody_asked_for_is_not_promoted_nor_blamed() -> None:
    """fp32 is measured because the others are held against it; it goes live only where the candidate asks for it."""
    seen = with_variants(evidence(), asked=False)
    found = decide(seen, lenient("sample-size"), "r")
    assert (found.outcome, found.variant) == ("reject", None)
    assert found.reasons == ("no variant was measured, so there is nothing to promote",)


@pytest.mark.parametrize("name", [name for name, gate in GATES.items() if gate.SCOPE == "variant"])
def test_a_gate_whose_evidence_is_missing_holds_a_model_back(name: str) -> None:
    """Absence is no pass: with everything of the variants unmeasured, each gate on its own rejects."""
    gone = dict.fromkeys(
        (
            "variant",
            "provider",
            "evaluation",
            "calibration",
            "latency",
            "load",
            "cold_start",
            "determinism",
            "robustness",
            "memory",
            "cost",
        ),
        LOST,
    )
    found = decide(with_variants(evidence(), **gone), lenient(name), "r")
    assert found.outcome == "reject"
    assert {gate.outcome for gate in found.gates if gate.gate == name} == {"unmeasured"}


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("sample", "sample-size"), ("production_quality", "data-quality"), ("evaluation_quality", "data-quality"),
        ("dependencies", "pinned-dependencies"), ("export", "export-parity"),
    ],
)  # fmt: skip
def test_a_stage_of_the_launch_that_is_missing_holds_a_model_back(part: str, name: str) -> None:
    """The gates of the launch fail closed as those of the variants do."""
    found = decide(evidence().model_copy(update={part: LOST}), lenient(name), "r")
    assert found.outcome == "reject"
    assert any("it was killed" in reason for reason in found.reasons)


def test_a_gate_that_only_warns_holds_nothing_back() -> None:
    """Its outcome is in the decision all the same."""
    found = decide(with_variants(evidence(), memory=LOST), lenient("sample-size"), "r")
    assert found.outcome == "promote"
    assert {gate.outcome for gate in found.gates if gate.gate == "memory-leak"} == {"unmeasured"}


def test_a_variant_that_was_not_made_is_no_promotion() -> None:
    """Though every gate only warns: there is nothing that could go live, and the reason says why."""
    found = decide(with_variants(evidence(), variant=LOST), lenient(), "r")
    assert (found.outcome, found.variant) == ("reject", None)
    assert found.reasons[0] == f"{evidence().variants[0].name} was not made: it was killed"


def test_no_variant_is_no_promotion() -> None:
    """A launch that measured nothing has nothing to promote."""
    found = decide(evidence().model_copy(update={"variants": ()}), lenient("sample-size"), "r")
    assert found.outcome == "reject"
    assert found.reasons == ("no variant was measured, so there is nothing to promote",)


def test_reasons_start_with_the_launch_and_with_failures() -> None:
    """What holds every variant back comes first, a failure before a gap, then the variant that came closest."""
    seen = evidence(production_shift=-0.2).model_copy(update={"sample": LOST})
    found = decide(seen, load_policy("standard"), "r")
    assert found.reasons[0].startswith("sample-size: ")
    own = [
        reason.split(": ")[0] for reason in found.reasons if reason.split(": ")[0] in {v.name for v in seen.variants}
    ]
    assert own == sorted(own, key=own.index)
    counts = [own.count(name) for name in dict.fromkeys(own)]
    assert counts == sorted(counts)


def test_a_policy_for_another_target_decides_nothing() -> None:
    """Evidence of a CPU is no evidence of a GPU, so judging it under such a policy is a mistake of the asker."""
    policy = load_policy("standard").model_copy(update={"target": "cuda"})
    with pytest.raises(InputError, match="is for the target cuda, but this evidence was taken on cpu"):
        decide(evidence(), policy, "r")


def test_cost_follows_the_policy_that_judges() -> None:
    """Recorded service times are priced anew: more traffic under another policy is another bill."""
    policy = load_policy("standard")
    busy = policy.business.model_copy(update={"peak_per_second": 10_000.0})
    calm, pressed = (
        price(evidence(), item.business).variants[0].cost
        for item in (policy, policy.model_copy(update={"business": busy}))
    )
    assert isinstance(calm, CostEvidence)
    assert isinstance(pressed, CostEvidence)
    assert pressed.replicas > calm.replicas


def test_a_variant_without_times_has_no_cost_and_says_why() -> None:
    """Neither a crashed latency stage nor a batch without calls becomes a price of zero."""
    policy = load_policy("standard")
    assert price(with_variants(evidence(), latency=LOST), policy.business).variants[0].cost == LOST
    first = evidence().variants[0].latency
    assert not isinstance(first, Unmeasured)
    none = first.model_copy(update={"batches": (BatchTimes(batch=1, seconds=()),)})
    cost = price(with_variants(evidence(), latency=none), policy.business).variants[0].cost
    assert isinstance(cost, Unmeasured)
    assert "has no measured service time" in cost.why


def test_the_decision_carries_what_it_was_held_to() -> None:
    """Policy and candidate by digest, the environment, and every gate for every variant."""
    policy = load_policy("standard")
    found = decide(evidence(), policy, "run")
    assert found.policy.sha256 == policy.sha256
    assert found.candidate_sha256 == evidence().candidate_sha256
    assert found.run_id == "run"
    shared = sum(gate.SCOPE == "launch" for gate in GATES.values())
    assert len(found.gates) == shared + 3 * (len(GATES) - shared)
