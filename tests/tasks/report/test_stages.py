"""The plan of a launch: which stages it runs if nothing stops it, and what its policy gives them."""

from __future__ import annotations

from tasks.decision.policy import load_policy
from tasks.report.stages import budgets_of, stages_of

MEASURING = load_policy("selftest").measure


def test_each_variant_has_its_stages_and_only_others_than_the_reference_are_quantized() -> None:
    """Answers of all variants come before the costs of any."""
    plan = list(stages_of(["fp32", "int8-dynamic"], "fp32", MEASURING, champion=False))
    assert plan[0] == "sample"
    assert plan[-1] == "report"
    assert "int8-dynamic: quantize" in plan
    assert "fp32: quantize" not in plan
    assert plan.index("int8-dynamic: estimate") < plan.index("review") < plan.index("fp32: latency")


def test_stages_that_are_not_asked_for_are_left_out() -> None:
    """No load and no cold start where the policy asks for none; a champion's where there is none."""
    none = MEASURING.model_copy(update={"load_seconds": 0, "cold_starts": 0})
    plan = stages_of(["fp32"], "fp32", none, champion=False)
    assert not {"fp32: load", "fp32: cold start", "champion", "fp32: champion latency"} & plan.keys()
    full = stages_of(["fp32"], "fp32", MEASURING, champion=True)
    assert {"fp32: load", "fp32: cold start", "champion", "fp32: champion latency"} <= full.keys()


def test_variants_are_screened_where_the_cheapest_comes_first() -> None:
    """Of one variant there is nothing to order."""
    first = MEASURING.model_copy(update={"variants": "until-one-passes"})
    assert "int8-static: screen" in stages_of(["fp32", "int8-static"], "fp32", first, champion=False)
    assert "fp32: screen" not in stages_of(["fp32"], "fp32", first, champion=False)
    every = MEASURING.model_copy(update={"variants": "all"})
    assert "fp32: screen" not in stages_of(["fp32", "int8-static"], "fp32", every, champion=False)


def test_budgets_are_the_policys_own_seconds() -> None:
    """Two looks at the load, two soaks; what has no seconds has no budget."""
    budgets = budgets_of(MEASURING)
    assert budgets["load"] == 2 * MEASURING.load_seconds
    assert budgets["memory"] == 2 * MEASURING.soak_seconds
    assert budgets["latency"] == MEASURING.latency_seconds + 7 * MEASURING.batch_seconds
    plan = stages_of(["fp32"], "fp32", MEASURING, champion=False)
    assert plan["fp32: load"] == budgets["load"]
    assert plan["fp32: cold start"] is None
