"""Rates and their differences against the literature, against enumeration, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from support.property_tests import CONFIDENCES, THOROUGH

from tasks.statistics import difference_interval, rate_forecast, rate_interval, rows_for_rate_bound

QUICK = settings(THOROUGH, max_examples=25)


@st.composite
def counts(draw: st.DrawFn, most: int = 5000) -> tuple[int, int]:
    """Draw events and trials."""
    trials = draw(st.integers(1, most))
    return draw(st.integers(0, trials)), trials


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_rate_interval_gives_the_published_limits(events: int, trials: int, low: float, high: float) -> None:
    """The exact limits are those of Newcombe (1998), table I, at a two-sided 95%."""
    got = rate_interval(events, trials, 0.975)
    assert (got.low, got.high) == pytest.approx((low, high), abs=6e-5)


@THOROUGH
@given(counts(), CONFIDENCES)
def test_rate_interval_agrees_with_scipy(events_trials: tuple[int, int], confidence: float) -> None:
    """Each bound is scipy's exact one-sided bound, and they hold the estimate between them."""
    events, trials = events_trials
    got = rate_interval(events, trials, confidence)
    upper = stats.binomtest(events, trials, alternative="less").proportion_ci(confidence, method="exact").high
    lower = stats.binomtest(events, trials, alternative="greater").proportion_ci(confidence, method="exact").low
    assert (got.low, got.high) == pytest.approx((lower, upper), abs=1e-9)
    assert 0 <= got.low <= got.estimate <= got.high <= 1


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.76, 0.99])
@pytest.mark.parametrize(("seen", "future"), [(600, 600), (3_000, 1_000), (200, 20_000)])
def test_a_forecast_holds_for_as_many_more(rate: float, seen: int, future: int) -> None:
    """Summed over every outcome of both samples, each 97.5% bound holds at least 96% of the time."""
    first, later = stats.binom(seen, rate), stats.binom(future, rate)
    outcomes = np.arange(first.ppf(1e-6), first.ppf(1 - 1e-6) + 1)
    got = [rate_forecast(events, seen, future, 0.975) for events in outcomes]
    low = first.pmf(outcomes) @ later.sf(np.ceil([one.low * future for one in got]) - 1)
    high = first.pmf(outcomes) @ later.cdf(np.floor([one.high * future for one in got]))
    assert min(low, high) >= 0.96


def test_a_forecast_is_wider_than_a_bound_and_meets_it_in_a_long_future() -> None:
    """A short week adds its own chance; a long one adds none."""
    bound = rate_interval(760, 1_000, 0.95)
    short, long = rate_forecast(760, 1_000, 300, 0.95), rate_forecast(760, 1_000, 10**8, 0.95)
    assert short.low < bound.low < bound.high < short.high
    assert (long.low, long.high) == pytest.approx((bound.low, bound.high), abs=2e-3)
    with pytest.raises(ValueError, match="future"):
        rate_forecast(1, 2, 0, 0.95)


@THOROUGH
@given(counts(), CONFIDENCES)
def test_rate_interval_rises_with_events(events_trials: tuple[int, int], confidence: float) -> None:
    """One more event moves both bounds up; one more trial without an event moves both down."""
    events, trials = events_trials
    here, more_trials = rate_interval(events, trials, confidence), rate_interval(events, trials + 1, confidence)
    more_events = rate_interval(events + 1, trials + 1, confidence)
    assert more_trials.low <= here.low <= more_events.low
    assert more_trials.high <= here.high <= more_events.high


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.5, 0.97])
@pytest.mark.parametrize("trials", [5, 50, 300])
def test_rate_bounds_hold_as_often_as_they_say(rate: float, trials: int) -> None:
    """Summed over every outcome, each bound covers the true rate at least 95% of the time."""
    bounds = [rate_interval(events, trials, 0.95) for events in range(trials + 1)]
    chance = stats.binom.pmf(np.arange(trials + 1), trials, rate)
    assert chance[[b.high >= rate for b in bounds]].sum() >= 0.95 - 1e-9
    assert chance[[b.low <= rate for b in bounds]].sum() >= 0.95 - 1e-9


def test_no_errors_in_a_thousand_still_leave_a_rate() -> None:
    """0 events in 1,000 bound the rate at 0.299% and not at 0."""
    assert rate_interval(0, 1000, 0.95).high == pytest.approx(0.002991, abs=1e-6)


@pytest.mark.parametrize(("limit", "rows"), [(0.01, 299), (0.001, 2995), (1.0, 1), (2.0, 1)])
def test_rows_for_a_rate_of_zero(limit: float, rows: int) -> None:
    """Without events the rule of three's exact form gives the rows."""
    assert rows_for_rate_bound(0.0, limit, 0.95) == rows


@QUICK
@given(st.integers(0, 40), st.integers(50, 2000), st.floats(1.05, 5))
def test_rows_for_rate_bound_suffice(events: int, trials: int, times: float) -> None:
    """At the rows asked for, a whole number of events at the observed rate or above passes; a row less would not."""
    rate = events / trials
    limit = rate * times + 0.001
    rows = rows_for_rate_bound(rate, limit, 0.95)
    assert rows is not None
    most = math.ceil(rate * rows - 1e-9)
    assert rate_interval(most, rows, 0.95).high <= limit
    assert rows == 1 or rate_interval(most, rows - 1, 0.95).high > limit


def test_rows_for_rate_bound_grow_as_the_rate_nears_the_limit() -> None:
    """A rate just under its limit asks for more rows, and then for more than anyone has."""
    rows = [rows_for_rate_bound(rate, 0.01, 0.95) for rate in (0.0, 0.003, 0.009, 0.0099, 0.00999)]
    whole = [row for row in rows if row is not None]
    assert len(whole) == len(rows)
    assert whole == sorted(set(whole))
    assert rows_for_rate_bound(0.01 - 1e-9, 0.01, 0.95) is None


@pytest.mark.parametrize(("rate", "limit"), [(0.01, 0.01), (0.02, 0.01), (1.0, 0.5), (0.0, 0.0), (0.0, -1.0)])
def test_no_rows_help_a_rate_at_its_limit(rate: float, limit: float) -> None:
    """A rate at or over its limit is None: more of the same does not pass."""
    assert rows_for_rate_bound(rate, limit, 0.95) is None


@pytest.mark.parametrize(("trials_a", "trials_b"), [(10, 10), (20, 60), (100, 100)])
def test_difference_bounds_hold_near_what_they_say(trials_a: int, trials_b: int) -> None:
    """Summed over every outcome, a 95% bound holds at least 92.7% of the time at each pair of rates, 95% on average."""
    low = np.array(
        [
            [difference_interval(a, trials_a, b, trials_b, 0.95).low for b in range(trials_b + 1)]
            for a in range(trials_a + 1)
        ]
    )
    rates = [0.001, 0.003, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.997, 0.999]
    coverage = []
    for rate_a in rates:
        for rate_b in rates:
            chance = np.outer(
                stats.binom.pmf(np.arange(trials_a + 1), trials_a, rate_a),
                stats.binom.pmf(np.arange(trials_b + 1), trials_b, rate_b),
            )
            coverage.append(chance[low <= rate_a - rate_b + 1e-12].sum())
    assert min(coverage) >= 0.927
    assert np.mean(coverage) >= 0.95


@THOROUGH
@given(counts(), counts(), CONFIDENCES)
def test_difference_interval_is_a_mirror(a: tuple[int, int], b: tuple[int, int], confidence: float) -> None:
    """It holds its estimate, stays in [-1, 1], and swapping the samples turns it round."""
    here, there = difference_interval(*a, *b, confidence), difference_interval(*b, *a, confidence)
    assert -1 <= here.low <= here.estimate <= here.high <= 1
    assert (here.low, here.high) == pytest.approx((-there.high, -there.low))


def test_difference_of_two_perfect_samples_is_not_certain() -> None:
    """All right on both sides still leaves the width that the smaller sample leaves."""
    got = difference_interval(50, 50, 5000, 5000, 0.95)
    assert (got.estimate, got.low) == pytest.approx((0.0, rate_interval(50, 50, 0.95).low - 1), abs=1e-3)
