"""Quantiles, slopes and means of times against the literature, against enumeration, and at their edges."""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from support.property_tests import CONFIDENCES, THOROUGH

from tasks.statistics import (
    Interval,
    QuantileBound,
    decide_upper,
    mean_interval,
    paired_ratio_of_medians,
    quantile_interval,
    ratio_of_medians,
    settling_point,
    slope,
    steady_slope,
)
from tasks.statistics.times import _resampled_medians

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = st.lists(st.floats(0.001, 1e6), min_size=5, max_size=60)


@THOROUGH
@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=150),
    st.sampled_from([0.01, 0.3, 0.5, 0.9, 0.95, 0.99]),
    CONFIDENCES,
)
def test_quantile_bounds_agree_with_scipy(values: list[int], q: float, confidence: float) -> None:
    """Each bound is that of scipy's one-sided quantile test, ties and all, and None where scipy has none."""
    got = quantile_interval(values, q, confidence)
    high = stats.quantile_test(values, p=q, alternative="less").confidence_interval(confidence).high
    low = stats.quantile_test(values, p=q, alternative="greater").confidence_interval(confidence).low
    assert got.high == (None if math.isnan(high) else high)
    assert got.low == (None if math.isnan(low) else low)
    assert got.low is None or got.low <= got.estimate
    assert got.high is None or got.estimate <= got.high
    assert (got.high is None) == (len(values) < got.needed)


@pytest.mark.parametrize(("q", "needed"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)])
def test_an_upper_quantile_bound_needs_enough_values(q: float, needed: int) -> None:
    """One value short of `needed` there is no upper bound; with it, the bound is the largest value."""
    values = np.random.default_rng(0).permutation(np.arange(float(needed)))
    short = quantile_interval(values[1:], q, 0.95)
    assert (short.high, short.needed) == (None, needed)
    assert quantile_interval(values, q, 0.95).high == needed - 1


@pytest.mark.parametrize(("n", "q"), [(1000, 0.9), (100_000, 0.5), (100_000, 0.999)])
def test_quantile_bounds_of_many_values_agree_with_scipy(n: int, q: float) -> None:
    """At the sizes of a load test the bounds are scipy's, and the values given keep their order."""
    values = np.random.default_rng(n).lognormal(0, 1, n)
    before = values.copy()
    got = quantile_interval(values, q, 0.95)
    assert got.high == stats.quantile_test(values, p=q, alternative="less").confidence_interval(0.95).high
    assert got.low == stats.quantile_test(values, p=q, alternative="greater").confidence_interval(0.95).low
    assert got.estimate == np.quantile(values, q, method="inverted_cdf")
    assert np.array_equal(values, before)


def test_a_request_that_never_ended_is_a_slow_one() -> None:
    """Infinite times count as the slowest, so that too many of them make the bound infinite and the gate not pass."""
    values = np.r_[np.ones(980), np.full(20, np.inf)]
    got = quantile_interval(values, 0.99, 0.95)
    assert (got.estimate, decide_upper(got, 100.0)) == (math.inf, "fail")
    assert quantile_interval(values, 0.9, 0.95) == QuantileBound(1.0, 1.0, 1.0, 29)


def test_slope_gives_the_published_estimate() -> None:
    """The cloud-seeding data of Hollander and Wolfe, section 9.3, have slope -0.056."""
    got = slope([1, 2, 3, 4, 5], [1.26, 1.27, 1.12, 1.16, 1.03], 0.95)
    assert got.estimate == pytest.approx(-0.05625)
    assert (got.low, got.high) == pytest.approx((-0.13, 0.01))


@pytest.mark.parametrize("points", [4, 5, 6])
def test_slope_bounds_hold_even_for_few_points(points: int) -> None:
    """Over every order of few points, a 95% bound is wrong at most one time in twenty."""
    bounds = [slope(range(points), order, 0.95) for order in permutations(range(points))]
    assert np.mean([b.low > 0 for b in bounds]) <= 0.05
    assert np.mean([b.high < 0 for b in bounds]) <= 0.05


def test_slope_bounds_hold_as_often_as_they_say() -> None:
    """On heavy-tailed noise around a slope of 3 each bound holds near 95% of the time."""
    random, x = np.random.default_rng(2), np.arange(30.0)
    bounds = [slope(x, 3 * x + random.standard_t(2, 30), 0.95) for _ in range(500)]
    assert np.mean([b.low <= 3 for b in bounds]) == pytest.approx(0.95, abs=0.035)
    assert np.mean([b.high >= 3 for b in bounds]) == pytest.approx(0.95, abs=0.035)


@pytest.mark.parametrize(("leaps", "share"), [(1, 0), (2, 0), (3, 0.06)])
def test_a_few_leaps_are_no_steady_slope(leaps: int, share: float) -> None:
    """So many could as well have settled; ranks alone take many a series of two or three for one that rises."""
    random, x = np.random.default_rng(4), np.arange(15.0)
    series = [(x >= random.choice(np.arange(1, 15), leaps, replace=False)[:, None]).sum(axis=0) for _ in range(300)]
    assert max(steady_slope(x, y, 0.95).low for y in series) <= share * leaps / 14
    if leaps > 1:
        assert np.mean([slope(x, y, 0.95).low > 0 for y in series]) > 0.1


def test_a_steady_slope_is_seen_beside_leaps_and_noise() -> None:
    """What every step has is bounded away from zero as often as not at least, and never above the slope that ranks find."""
    random, x = np.random.default_rng(5), np.arange(15.0)
    for _ in range(200):
        y = 10 * x + random.normal(0, 3, 15) + 40 * (x >= random.integers(1, 15))
        assert 0 < steady_slope(x, y, 0.95).low <= slope(x, y, 0.95).low
    assert steady_slope(x, 3 * x, 0.95) == slope(x, 3 * x, 0.95)


def test_a_random_walk_is_seldom_a_steady_slope() -> None:
    """A series that wanders is said to rise no oftener than one time in twenty, where ranks say so of one in three."""
    random, x = np.random.default_rng(6), np.arange(15.0)
    walks = [random.normal(size=15).cumsum() for _ in range(1000)]
    assert np.mean([steady_slope(x, y, 0.95).low > 0 for y in walks]) < 0.07
    assert np.mean([slope(x, y, 0.95).low > 0 for y in walks]) > 0.2


@THOROUGH
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-5, 5)), min_size=10, max_size=60), CONFIDENCES)
def test_slope_is_never_nan(points: list[tuple[int, int]], confidence: float) -> None:
    """Ties in x and y leave numbers in order, or an error where x hardly varies."""
    x, y = zip(*points, strict=True)
    if len(set(x)) < 7:
        return
    got = slope(x, y, confidence)
    assert -math.inf < got.low <= got.estimate <= got.high < math.inf


def test_slope_of_a_constant_is_zero() -> None:
    """Memory that never moves has slope 0 with bounds 0."""
    assert slope(range(50), [7.5] * 50, 0.95) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("x", "confidence"), [([1, 2, 3], 0.95), ([1, 1, 2, 2, 3, 3], 0.95), ([1, 2, 3, 4], 0.99), ([5] * 9, 0.9)]
)
def test_slope_refuses_points_that_prove_nothing(x: list[int], confidence: float) -> None:
    """So few different x that chance orders them all too often bound no slope, even where y is constant."""
    with pytest.raises(ValueError, match="different values of x"):
        slope(x, x, confidence)
    with pytest.raises(ValueError, match="different values of x"):
        slope(x, [0] * len(x), confidence)


@pytest.mark.parametrize("n", [5, 6, 7, 8, 40, 101])
def test_drawn_medians_are_those_of_resamples(n: int) -> None:
    """Medians drawn from beta order statistics are distributed as those of resampling the values themselves."""
    random = np.random.default_rng(3)
    sample = random.lognormal(0, 0.5, n)
    resampled = np.median(sample[random.integers(0, n, (20_000, n))], axis=1)
    drawn = _resampled_medians(sample, random)
    at = np.unique(np.round(np.r_[resampled, drawn], 9)) + 1e-6
    gap = np.searchsorted(np.sort(resampled), at) / resampled.size - np.searchsorted(np.sort(drawn), at) / drawn.size
    assert np.abs(gap).max() < 0.024  # by chance, less than once in 1,000


def test_ratio_of_medians_is_a_percentile_bootstrap() -> None:
    """The bounds are the outer percentiles of the ratios of resampled medians."""
    random = np.random.default_rng(3)
    a, b = random.lognormal(0.3, 0.5, 100), random.lognormal(0, 0.5, 41)
    draws_a, draws_b = (np.median(s[random.integers(0, s.size, (20_000, s.size))], axis=1) for s in (a, b))
    got = ratio_of_medians(a, b, 0.95, seed=0)
    assert got.estimate == np.median(a) / np.median(b)
    assert [got.low, got.high] == pytest.approx(np.quantile(draws_a / draws_b, [0.05, 0.95]), rel=0.02)


@pytest.mark.parametrize(("n", "m"), [(5, 5), (20, 31)])
def test_ratio_bounds_hold_as_often_as_they_say(n: int, m: int) -> None:
    """For equal medians of skewed times each bound holds near 95% of the time."""
    random = np.random.default_rng(4)
    samples = ((random.lognormal(0, 0.7, n), random.lognormal(0, 0.3, m)) for _ in range(400))
    bounds = [ratio_of_medians(a, b, 0.95, seed) for seed, (a, b) in enumerate(samples)]
    assert np.mean([b.low <= 1 for b in bounds]) >= 0.92
    assert np.mean([b.high >= 1 for b in bounds]) >= 0.92


@THOROUGH
@given(TIMES, TIMES, CONFIDENCES.filter(lambda c: c <= 0.95))
def test_ratio_of_medians_is_never_nan(a: list[float], b: list[float], confidence: float) -> None:
    """Any positive times give finite bounds around the estimate, the same for the same seed."""
    got = ratio_of_medians(a, b, confidence, seed=1)
    assert 0 < got.low <= got.estimate <= got.high < math.inf
    assert got == ratio_of_medians(a, b, confidence, seed=1)


def test_ratio_of_constant_times_is_exact() -> None:
    """A timer too coarse to tell repeats apart gives the ratio itself, not NaN."""
    assert ratio_of_medians([3.0] * 6, [2.0] * 9, 0.95, seed=0) == Interval(1.5, 1.5, 1.5)


@pytest.mark.parametrize(
    ("draw", "mean", "least"),
    [
        (lambda r: r.normal(10, 1, 30), 10.0, 0.93),
        (lambda r: r.exponential(1, 30), 1.0, 0.91),
        (lambda r: r.lognormal(0, 0.5, 30), math.exp(0.125), 0.91),
        (lambda r: r.lognormal(0, 1, 100), math.exp(0.5), 0.9),
    ],
)
def test_mean_bounds_hold_near_what_they_say(
    draw: Callable[[np.random.Generator], np.ndarray], mean: float, least: float
) -> None:
    """On skewed times the upper bound, the hard side, keeps most of its 95%, and the lower bound all of it."""
    random = np.random.default_rng(6)
    bounds = [mean_interval(draw(random), 0.95, seed) for seed in range(300)]
    assert np.mean([b.high >= mean for b in bounds]) >= least
    assert np.mean([b.low <= mean for b in bounds]) >= 0.92


@THOROUGH
@given(TIMES, CONFIDENCES)
def test_mean_interval_is_never_nan(values: list[float], confidence: float) -> None:
    """Any times give finite bounds around the mean, the same for the same seed."""
    got = mean_interval(values, confidence, seed=1)
    assert 0 <= got.low <= got.estimate <= got.high < math.inf
    assert got == mean_interval(values, confidence, seed=1)


def test_one_slow_value_among_equal_ones_keeps_the_bound_finite() -> None:
    """Resamples without the outlier have no spread of their own, and still do not send the bound away."""
    got = mean_interval([1.0] * 29 + [10.0], 0.95, seed=0)
    assert got.estimate == pytest.approx(1.3)
    assert 1.5 < got.high < 5


def test_mean_of_constant_times_is_exact() -> None:
    """Equal times give their value as estimate and as both bounds."""
    assert mean_interval([0.1] * 3, 0.95, seed=0) == Interval(0.1, 0.1, 0.1)


def test_mean_interval_of_many_values_is_that_of_the_normal_theory() -> None:
    """Where the sample is resampled in blocks, the bounds meet mean -/+ 1.645 standard errors."""
    values = np.random.default_rng(7).exponential(1, 20_000)
    half = 1.645 * values.std() / math.sqrt(values.size)
    got = mean_interval(values, 0.95, seed=0)
    assert [got.estimate - got.low, got.high - got.estimate] == pytest.approx([half, half], rel=0.08)


def test_a_series_settles_where_its_rolling_median_stays() -> None:
    """Ten slow calls first; one slow call later is not a change of the median; a drift to the end never settles."""
    assert settling_point([*[9.0] * 10, *[1.0] * 30, 9.0, *[1.0] * 30], 0.25, 7) == 7
    assert settling_point([1.0] * 20, 0.25, 7) == 0
    assert settling_point([9.0, *[1.0] * 40], 0.25, 7) == 0
    assert settling_point(np.geomspace(1, 100, 60), 0.25, 7) is None
    assert settling_point([1.0] * 13, 0.25, 7) is None


def test_pairs_tell_a_ratio_that_a_drifting_machine_hides() -> None:
    """A machine that becomes three times slower moves both of a pair; what is not paired or not positive is refused."""
    live = np.random.default_rng(1).lognormal(0, 0.02, 200) * np.linspace(1, 3, 200)
    ratio = paired_ratio_of_medians(1.1 * live, live, 0.95, seed=0)
    assert ratio.low == pytest.approx(1.1) == ratio.high
    near = paired_ratio_of_medians(live * np.random.default_rng(2).lognormal(0, 0.02, 200), live, 0.95, seed=0)
    assert near.low < 1 < near.high
    assert near.high - near.low < 0.1
    with pytest.raises(ValueError, match="pairs need as many of each"):
        paired_ratio_of_medians([1.0] * 9, [1.0] * 8, 0.95, seed=0)
    with pytest.raises(ValueError, match="values above 0"):
        paired_ratio_of_medians([1.0] * 9, [0.0] * 9, 0.95, seed=0)
