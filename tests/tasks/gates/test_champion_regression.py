"""The gate against the champion: what is lost of its accuracy, and of its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import ABSENT, variant
from support.gate_limits import check, judge
from support.score_evidence import evaluation, paired
from support.speed_evidence import turns

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import ChampionLatency


def regression(found: Any, **changes: Any) -> GateResult:
    """Return the verdict on a variant against the champion."""
    return judge(
        "champion-regression",
        variant(evaluation=evaluation(against_champion=found), champion_latency=turns(1)),
        **changes,
    )


def test_a_first_launch_says_so() -> None:
    """Without a champion there is nothing to lose against; the absolute floors decide."""
    result = regression(evaluation().against_champion)
    assert result.outcome == "pass"
    assert "first launch of toy; the absolute floors decide" in result.because


def test_a_retrain_that_lost_three_points_fails() -> None:
    """Three points over 3,000 paired rows are a loss beyond one."""
    result = regression(paired(60, 150))
    assert (result.outcome, result.observed) == ("fail", 0.03)
    assert "keep the champion" in result.because


def test_a_retrain_that_may_have_lost_is_inconclusive() -> None:
    """Equal points in 300 rows with 30 changed prove nothing."""
    result = regression(paired(15, 15, 300))
    assert (result.outcome, result.observed) == ("inconclusive", 0)


def test_a_better_model_passes() -> None:
    """A gain is a loss below zero."""
    result = regression(paired(150, 60))
    assert (result.outcome, check(result, "accuracy").observed) == ("pass", -0.03)


def test_a_champion_that_can_not_be_measured_is_not_a_first_launch() -> None:
    """A champion that is there but could not answer leaves the gate unmeasured."""
    assert regression(ABSENT).outcome == "unmeasured"
    assert regression(paired(0, 0, 0)).outcome == "unmeasured"


def test_a_confidence_set_in_the_policy_is_the_one_used() -> None:
    """What passes at 95% may not pass at 99.9%."""
    assert regression(paired(40, 45)).outcome == "pass"
    assert regression(paired(40, 45), confidence=0.999).outcome == "inconclusive"


def timed(found: ChampionLatency | Any) -> GateResult:
    """Return the verdict on a variant that is as right as the champion."""
    return judge(
        "champion-regression",
        variant(evaluation=evaluation(against_champion=paired(40, 40, 4000)), champion_latency=found),
    )


@pytest.mark.parametrize(("ratio", "outcome"), [(1.0, "pass"), (1.2, "pass"), (1.5, "fail")])
def test_a_candidate_is_held_to_the_champions_time(ratio: float, outcome: str) -> None:
    """A quarter slower is allowed, though the machine became three times slower meanwhile."""
    result = timed(turns(ratio))
    assert check(result, "latency").outcome == outcome
    assert result.outcome == outcome
    assert (check(result, "latency").observed or 0) == pytest.approx(ratio)


def test_few_blocks_around_the_limit_settle_nothing() -> None:
    """Times that differ from block to block need more of them."""
    uneven = turns(1.2, blocks=8)
    blocks = tuple((a * (1 + at % 3), b, c, d) for at, (a, b, c, d) in enumerate(uneven.batches[0].blocks))
    wide = uneven.model_copy(update={"batches": (uneven.batches[0].model_copy(update={"blocks": blocks}),)})
    found = check(timed(wide), "latency")
    assert found.outcome in ("inconclusive", "fail")
    assert check(timed(turns(1.0, blocks=3)), "latency").outcome == "unmeasured"


def test_a_champion_that_was_not_timed_passes_nothing() -> None:
    """There is one, so its speed has to be known."""
    assert timed(variant().champion_latency).outcome == "unmeasured"
    assert check(timed(turns(1.0, batch=8)), "latency, batch 8").outcome == "pass"
