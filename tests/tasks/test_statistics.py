"""The decision rules against the literature, against enumeration, and at their edges."""

import math
import sys
from collections.abc import Callable
from itertools import permutations
from subprocess import run

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from tasks.statistics import (
    Interval,
    QuantileBound,
    decide_lower,
    decide_upper,
    difference_interval,
    mean_interval,
    paired_difference,
    quantile_interval,
    rate_forecast,
    rate_interval,
    ratio_of_medians,
    rows_for_non_inferiority,
    rows_for_rate_bound,
    slope,
    steady_slope,
)
from tasks.statistics.times import _resampled_medians

THOROUGH = settings(deadline=None, max_examples=100, derandomize=True)
QUICK = settings(THOROUGH, max_examples=25)
CONFIDENCES = st.sampled_from([0.75, 0.9, 0.95, 0.975, 0.99, 0.999])
TIMES = st.lists(st.floats(0.001, 1e6), min_size=5, max_size=60)


@st.composite
def counts(draw: st.DrawFn, most: int = 5000) -> tuple[int, int]:
    """Draw events and trials."""
    trials = draw(st.integers(1, most))
    return draw(st.integers(0, trials)), trials


@st.composite
def pairs(draw: st.DrawFn, most: int = 2000) -> tuple[int, int, int]:
    """Draw candidate-only and baseline-only rows, and all rows."""
    rows = draw(st.integers(1, most))
    candidate_only = draw(st.integers(0, rows))
    return candidate_only, draw(st.integers(0, rows - candidate_only)), rows


# --- rates ---


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


# --- differences ---


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


# --- paired differences ---


@pytest.mark.parametrize(
    ("cells", "confidence", "published"),
    [((1, 7, 21), 0.975, (-0.517, -0.026)), ((0, 1, 44), 0.95, (-0.096, 0.037))],
)
def test_paired_difference_gives_the_published_interval(
    cells: tuple[int, int, int], confidence: float, published: tuple[float, float]
) -> None:
    """The intervals are those published for Tango's score method."""
    got = paired_difference(*cells, confidence)
    assert (got.low, got.high) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(("b", "c", "n"), [(3, 9, 40), (12, 2, 30), (0, 6, 25), (40, 55, 1000), (1, 1, 5)])
def test_paired_bounds_sit_where_the_score_test_turns(b: int, c: int, n: int) -> None:
    """At each bound the score statistic, with its nuisance rate found by maximum likelihood, is the normal quantile."""

    def statistic(difference: float) -> float:
        def unlikely(share: float) -> float:
            cells = (share + difference, share, 1 - 2 * share - difference)
            return -sum(k * math.log(max(p, 1e-300)) for k, p in zip((b, c, n - b - c), cells, strict=True) if k)

        edges = (max(0.0, -difference), (1 - difference) / 2)
        share = optimize.minimize_scalar(unlikely, bounds=edges, method="bounded", options={"xatol": 1e-12}).x
        return (b - c - n * difference) / math.sqrt(n * (2 * share + difference * (1 - difference)))

    got = paired_difference(b, c, n, 0.95)
    assert statistic(got.low) == pytest.approx(1.64485, abs=1e-3)
    assert statistic(got.high) == pytest.approx(-1.64485, abs=1e-3)


@pytest.mark.parametrize(("rows", "worst"), [(10, 0.91), (20, 0.91), (50, 0.92)])
def test_paired_bounds_hold_near_what_they_say(rows: int, worst: float) -> None:
    """Summed over every outcome, a 95% lower bound holds at least 91% of the time, 95% on average."""
    cells = [(b, c) for b in range(rows + 1) for c in range(rows + 1 - b)]
    low = np.array([paired_difference(b, c, rows, 0.95).low for b, c in cells])
    outcomes = np.array([(b, c, rows - b - c) for b, c in cells])
    coverage = []
    for discordance in (0.02, 0.1, 0.3, 0.8):
        for share in (0.0, 0.1, 0.5, 0.9, 1.0):
            rates = [discordance * share, discordance * (1 - share), 1 - discordance]
            chance = stats.multinomial.pmf(outcomes, rows, rates)
            coverage.append(chance[low <= rates[0] - rates[1] + 1e-12].sum())
    assert min(coverage) >= worst
    assert np.mean(coverage) >= 0.95


@THOROUGH
@given(pairs(), CONFIDENCES)
def test_paired_difference_is_a_mirror(cells: tuple[int, int, int], confidence: float) -> None:
    """It holds its estimate, stays in [-1, 1], is never NaN, and swapping the models turns it round."""
    b, c, n = cells
    here, there = paired_difference(b, c, n, confidence), paired_difference(c, b, n, confidence)
    assert -1 <= here.low <= here.estimate <= here.high <= 1
    assert (here.low, here.high) == (-there.high, -there.low)


@THOROUGH
@given(pairs(), CONFIDENCES)
def test_paired_difference_rises_with_candidate_wins(cells: tuple[int, int, int], confidence: float) -> None:
    """One more row that only the candidate gets right moves both bounds up, for the baseline both down."""
    b, c, n = cells
    here = paired_difference(b, c, n + 1, confidence)
    won, lost = paired_difference(b + 1, c, n + 1, confidence), paired_difference(b, c + 1, n + 1, confidence)
    assert lost.low - 1e-12 <= here.low <= won.low + 1e-12
    assert lost.high - 1e-12 <= here.high <= won.high + 1e-12


@pytest.mark.parametrize("rows", [1, 2, 10, 1000, 10**7])
def test_models_that_never_differ_leave_a_known_width(rows: int) -> None:
    """Without discordant rows the bounds are z^2 / (n + z^2) either side of 0, and never 0 itself."""
    z2 = stats.norm.ppf(0.95) ** 2
    got = paired_difference(0, 0, rows, 0.95)
    assert got.estimate == 0
    assert (got.low, got.high) == pytest.approx((-z2 / (rows + z2), z2 / (rows + z2)), abs=0, rel=1e-6)


@pytest.mark.parametrize("rows", [1, 4, 500])
def test_models_that_always_differ_close_at_the_end(rows: int) -> None:
    """Where only the candidate is ever right, the upper bound is 1 and the lower (n - z^2) / (n + z^2)."""
    z2 = stats.norm.ppf(0.95) ** 2
    got = paired_difference(rows, 0, rows, 0.95)
    assert (got.low, got.high) == pytest.approx(((rows - z2) / (rows + z2), 1.0))


@pytest.mark.parametrize(("discordance", "margin"), [(0.05, 0.01), (0.01, 0.01), (0.1, 0.05), (0.3, 0.1)])
def test_rows_for_non_inferiority_reach_their_power(discordance: float, margin: float) -> None:
    """With the rows asked for, an equal candidate is shown non-inferior about 80% of the time."""
    rows = rows_for_non_inferiority(discordance, margin, 0.95)
    draws = np.random.default_rng(1).multinomial(rows, [discordance / 2, discordance / 2, 1 - discordance], 1000)
    passed = [decide_lower(paired_difference(int(b), int(c), rows, 0.95), -margin) == "pass" for b, c, _ in draws]
    assert np.mean(passed) == pytest.approx(0.8, abs=0.06)


def test_rows_for_non_inferiority_near_the_rule_of_thumb() -> None:
    """5% discordant at a margin of 1 point asks for a little over 6.18 * 0.05 / 0.01^2 rows."""
    assert 3090 <= rows_for_non_inferiority(0.05, 0.01, 0.95) <= 3200


@pytest.mark.parametrize("margin", [0.005, 0.01, 0.05])
def test_rows_without_discordance_are_the_fewest_that_pass(margin: float) -> None:
    """Identical models pass at exactly the rows asked for, and not at one row less."""
    rows = rows_for_non_inferiority(0.0, margin, 0.95)
    assert paired_difference(0, 0, rows, 0.95).low >= -margin
    assert paired_difference(0, 0, rows - 1, 0.95).low < -margin


# --- quantiles ---


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


# --- slopes ---


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


# --- times ---


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


# --- decisions and errors ---


@pytest.mark.parametrize(
    ("low", "high", "upper", "lower"),
    [
        (0.1, 0.2, "pass", "fail"),
        (0.1, 0.3, "pass", "inconclusive"),
        (0.2, 0.4, "inconclusive", "inconclusive"),
        (0.3, 0.4, "inconclusive", "pass"),
        (0.35, 0.4, "fail", "pass"),
        (None, None, "inconclusive", "inconclusive"),
        (math.nan, math.nan, "inconclusive", "inconclusive"),
        (0.1, None, "inconclusive", "inconclusive"),
        (0.1, math.nan, "inconclusive", "inconclusive"),
        (0.5, None, "fail", "pass"),
        (None, 0.2, "pass", "fail"),
        (math.nan, 0.4, "inconclusive", "inconclusive"),
    ],
)
def test_a_limit_is_compared_with_the_bound_that_could_break_it(
    low: float | None, high: float | None, upper: str, lower: str
) -> None:
    """Against a limit of 0.3, the worse bound passes, the better one fails, and nothing else decides."""
    bounds = QuantileBound(0.25, low, high, 1)
    assert (decide_upper(bounds, 0.3), decide_lower(bounds, 0.3)) == (upper, lower)


def test_a_limit_that_is_nan_passes_nothing() -> None:
    """A NaN limit leaves every decision open."""
    bounds = Interval(1.0, 0.9, 1.1)
    assert (decide_upper(bounds, math.nan), decide_lower(bounds, math.nan)) == ("inconclusive", "inconclusive")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: rate_interval(0, 0, 0.95),
        lambda: rate_interval(-1, 5, 0.95),
        lambda: rate_interval(6, 5, 0.95),
        lambda: difference_interval(1, 2, 0, 0, 0.95),
        lambda: paired_difference(0, 0, 0, 0.95),
        lambda: paired_difference(3, 3, 5, 0.95),
        lambda: paired_difference(5, 1, 5, 0.95),
        lambda: paired_difference(-1, 2, 5, 0.95),
        lambda: rows_for_non_inferiority(0.1, 0.0, 0.95),
        lambda: rows_for_non_inferiority(math.nan, 0.1, 0.95),
        lambda: rows_for_rate_bound(math.nan, 0.1, 0.95),
        lambda: rows_for_rate_bound(0.1, math.nan, 0.95),
        lambda: quantile_interval([], 0.5, 0.95),
        lambda: quantile_interval([1.0, math.nan], 0.5, 0.95),
        lambda: quantile_interval([1.0], 1.0, 0.95),
        lambda: quantile_interval([[1.0]], 0.5, 0.95),
        lambda: slope([1, 2, 3, 4], [1, 2, 3], 0.95),
        lambda: slope([1, 2, 3, 4], [1, 2, 3, math.nan], 0.95),
        lambda: slope(range(5001), range(5001), 0.95),
        lambda: ratio_of_medians([1.0] * 4, [1.0] * 9, 0.95, 0),
        lambda: ratio_of_medians([1.0] * 9, [0.0] * 9, 0.95, 0),
        lambda: ratio_of_medians([1.0] * 9, [math.inf] * 9, 0.95, 0),
        lambda: mean_interval([1.0], 0.95, 0),
        lambda: mean_interval([1.0, -1.0], 0.95, 0),
        lambda: mean_interval([1.0, math.nan], 0.95, 0),
        lambda: rate_interval(1, 2, 0.5),
        lambda: rate_interval(1, 2, 1.0),
        lambda: rate_interval(1, 2, math.nan),
    ],
)
def test_what_cannot_be_answered_is_an_error(ask: Callable[[], object]) -> None:
    """Too little or senseless input raises, so that no number stands for its absence."""
    with pytest.raises(ValueError, match=r"\w"):
        ask()


def test_import_leaves_scipy_alone() -> None:
    """Importing the rules does not load scipy."""
    code = "import sys, tasks.statistics; raise SystemExit('scipy' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
