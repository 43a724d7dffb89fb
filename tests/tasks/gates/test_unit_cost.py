"""The gate of cost: a thousand predictions and a month, at both ends of what is known."""

from __future__ import annotations

import pytest
from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.speed_evidence import cost


def test_a_slow_expensive_model_fails() -> None:
    """A bill over its limit fails with its size, replicas and service time."""
    bill = cost(usd_per_month=1575, usd_per_month_high=1650, replicas=21, service_ms=100)
    result = judge("unit-cost", variant(cost=bill))
    assert (result.outcome, result.observed, result.limit) == ("fail", 1575, 1000)
    assert "$1,575 a month" in result.because
    assert "21 replicas of c7a.large at 100 ms a call and" in result.because
    loaded = judge("unit-cost", variant(cost=bill.model_copy(update={"loaded_ms": 125.0})))
    assert "at 100 ms a call, 125 ms under load, and" in loaded.because


def test_a_cost_whose_high_end_is_over_is_inconclusive() -> None:
    """The point within the limit is not enough."""
    result = judge("unit-cost", variant(cost=cost(usd_per_thousand=0.009, usd_per_thousand_high=0.012)))
    assert (result.outcome, result.observed, result.bound) == ("inconclusive", 0.009, 0.012)
    assert check(result, "thousand").needed is not None


def test_an_undecided_cost_says_how_many_calls_would_tell() -> None:
    """Three replicas are affordable to 10 ms a call with one to spare; 9 ± 2 ms of 3,500 calls take four times as many."""
    bill = cost(service_ms=9, service_ms_low=7, service_ms_high=11, usd_per_month=225, usd_per_month_high=300)
    result = judge("unit-cost", variant(cost=bill), max_usd_per_month=250)
    assert result.outcome == "inconclusive"
    undecided = check(result, "month")
    assert undecided.needed == pytest.approx(3500 * 4, abs=1)
    assert f"about {undecided.needed:,} timed calls would settle it" in undecided.because


def test_replicas_that_load_asks_for_are_not_spare() -> None:
    """By calls of 9 ms two would carry the peak and under load it took three: with a spare one, five carry 20 ms a call."""
    bill = cost(
        service_ms=9, service_ms_low=7, service_ms_high=21, replicas=4, replicas_high=6, usd_per_month=300,
        usd_per_month_high=450,
    )  # fmt: skip
    undecided = check(judge("unit-cost", variant(cost=bill), max_usd_per_month=375), "month")
    assert undecided.outcome == "inconclusive"
    assert undecided.needed == pytest.approx(3500 * (12 / 11) ** 2, abs=1)
