"""When a launch is measured no further: a gate that fails after its own stage, or a policy that asks for no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.report_example import evidence

from tasks.decision.early_stop import ORDER, reason_to_stop, rejection
from tasks.decision.policy import Policy, load_policy
from tasks.evidence import Evidence, Unmeasured, VariantEvidence
from tasks.gates import GATES

if TYPE_CHECKING:
    from tasks.core.verdicts import Stage


def asking(**measure: object) -> Policy:
    """Return the standard policy with other settings of what is measured."""
    policy = load_policy("standard")
    return policy.model_copy(update={"measure": policy.measure.model_copy(update=measure)})


@pytest.fixture
def seen() -> Evidence:
    """Return the evidence of a whole launch."""
    return evidence()


@pytest.fixture
def failing(seen: Evidence) -> VariantEvidence:
    """Return a variant of which standard's unit-cost says that it is too dear."""
    item = seen.variants[0]
    assert not isinstance(item.cost, Unmeasured)
    return item.replacing(cost=item.cost.replacing(usd_per_thousand=1e6, usd_per_thousand_high=1e6))


def test_every_gate_names_a_stage_after_which_it_may_stop_a_launch() -> None:
    """A gate without a stage would never stop a launch, without a word."""
    assert all(gate.STOPS_AFTER and set(gate.STOPS_AFTER) <= set(ORDER) for gate in GATES.values())


def test_a_gate_stops_after_its_own_stage_alone(failing: VariantEvidence) -> None:
    """What a gate reads is not there before its stage is done, and after it the gate is not asked again."""
    policy = asking(rejected="stop")
    assert rejection(failing, policy, "answers") is None
    found = rejection(failing, policy, "load")
    assert found is not None
    assert (found.gate, found.outcome) == ("unit-cost", "fail")


def test_a_launch_goes_on_where_the_policy_measures_what_is_rejected(failing: VariantEvidence) -> None:
    """`rejected: measure` has every gate say what it thinks."""
    assert reason_to_stop(failing, asking(rejected="measure", last_stage="load"), "memory") is None


@pytest.mark.parametrize("last", ["data", "answers", "latency"])
def test_nothing_is_measured_after_the_last_stage_of_the_policy(seen: Evidence, last: Stage) -> None:
    """The reason names the stage and the key, so that whoever reads `unmeasured` knows where it comes from."""
    policy = asking(rejected="measure", last_stage=last)
    before = [stage for stage in ORDER if ORDER.index(stage) < ORDER.index(last)]
    assert all(reason_to_stop(seen, policy, stage) is None for stage in before)
    found = reason_to_stop(seen, policy, last)
    assert found is not None
    assert found.why == f"the policy measures nothing after the stage {last} (measure.last_stage)"
