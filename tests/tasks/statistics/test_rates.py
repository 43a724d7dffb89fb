"""Rates and their differences, also paired, against the literature, against enumeration, and at their edges."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from tasks.statistics import (
    decide_lower,
    difference_interval,
    paired_difference,
    rate_forecast,
    rate_interval,
    rows_for_non_inferiority,
    rows_for_rate_bound,
)

THOROUGH = settings(deadline=None, max_examples=100, derandomize=True)
QUICK = settings(THOROUGH, max_examples=25)
CONFIDENCES = st.sampled_from([0.75, 0.9, 0.95, 0.975, 0.99, 0.999])


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
