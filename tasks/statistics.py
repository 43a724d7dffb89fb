"""The decision rules: bounds on rates, differences, quantiles, slopes and times, and how a limit reads them.

Every bound is one-sided at the asked confidence: `low` and `high` each hold with that probability, so together they
are a two-sided interval at 2 * confidence - 1. Observations are taken as independent. Too few of them for any answer
raise ValueError, because absence is not a number.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Verdict: TypeAlias = Literal["pass", "fail", "inconclusive"]

LOWEST_CONFIDENCE = 0.75  # below it a bound may fall on the wrong side of its own estimate
POWER = 0.8  # the chance that a planned sample size shows a true non-inferiority
BISECTIONS = 100  # halves [-1, 1] down to neighbouring floats
MOST_ROWS = 10**12  # a plan beyond it is no plan
MOST_SLOPE_POINTS = 5_000  # Theil-Sen keeps every pair: 0.7 GB here, and four times that at double
ROUNDING = 1e-9  # of a ratio of logarithms that should be whole
RESAMPLES = 2_000
MEDIAN_DRAWS = 10_000  # a draw costs two random numbers, whatever the sample size
RESAMPLE_BLOCK = 4_000_000  # random numbers in memory at once


class Bounds(Protocol):
    """What a limit is compared with; None is a bound that the sample size does not allow."""

    @property
    def low(self) -> float | None:
        """Lower bound."""

    @property
    def high(self) -> float | None:
        """Upper bound."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between its one-sided bounds, all in the unit of what was estimated."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PairedDifference(Interval):
    """Candidate's rate minus baseline's on the same rows; positive favours the candidate."""


@dataclass(frozen=True, slots=True)
class QuantileBound:
    """A sample quantile, its one-sided bounds where the sample allows them, and the fewest values for an upper one."""

    estimate: float
    low: float | None
    high: float | None
    needed: int


def decide_upper(bounds: Bounds, limit: float) -> Verdict:
    """Say whether a quantity is at most `limit`; a missing or NaN bound never passes. Source: ICH E9 (1998), 3.3.2."""
    if bounds.high is not None and bounds.high <= limit:
        return "pass"
    if bounds.low is not None and bounds.low > limit:
        return "fail"
    return "inconclusive"


def decide_lower(bounds: Bounds, limit: float) -> Verdict:
    """Say whether a quantity is at least `limit`; a missing or NaN bound never passes. Source: ICH E9 (1998), 3.3.2."""
    if bounds.low is not None and bounds.low >= limit:
        return "pass"
    if bounds.high is not None and bounds.high < limit:
        return "fail"
    return "inconclusive"


def rate_interval(events: float, trials: float, confidence: float) -> Interval:
    """Bound the rate of `events` in `trials`, with exact coverage where they are counts.

    Of weighted rows they are effective numbers, and may be fractions (Korn and Graubard, Survey Methodology 24 (1998)
    193).
    Raises ValueError where there are no trials or more events than trials.
    Source: Clopper and Pearson, Biometrika 26 (1934), as quantiles of the beta distribution.
    """
    from scipy.special import betaincinv

    _check_confidence(confidence)
    _check_counts(events, trials)
    low = float(betaincinv(events, trials - events + 1, 1 - confidence)) if events > 0 else 0.0
    return Interval(float(events / trials), low, _rate_upper(events, trials, confidence))


def rows_for_rate_bound(rate: float, limit: float, confidence: float) -> int | None:
    """Count the rows at which the upper bound of `rate_interval` falls to `limit` if the observed `rate` holds.

    It is the least number of rows at which some whole number of events, no fewer than rate times rows, keeps the bound
    within the limit. None where the rate is not below the limit, or where 10^12 rows would not do.
    Source: the upper bound of Clopper and Pearson (1934), solved for the sample size.
    """
    from scipy.special import betainc

    _check_confidence(confidence)
    if not 0 <= rate <= 1 or math.isnan(limit):
        raise ValueError(f"rate {rate} must lie in [0, 1] and limit {limit} must be a number")
    if rate >= limit:
        return None

    def within(events: int, rows: int) -> bool:
        """Tell whether the bound is at most the limit: from the distribution itself, as its inverse is far slower."""
        return limit >= 1 or (events < rows and bool(betainc(events + 1, rows - events, limit) >= confidence))

    def rows_at(events: int) -> int:
        return 1 + bisect_left(range(1, MOST_ROWS), 1, key=lambda rows: int(within(events, rows)))

    rows = rows_at(bisect_left(range(MOST_ROWS), 1, key=lambda events: int(events >= rate * rows_at(events))))
    return rows if rows < MOST_ROWS else None


def difference_interval(
    events_a: float, trials_a: float, events_b: float, trials_b: float, confidence: float
) -> Interval:
    """Bound the rate of sample a minus the rate of an independent sample b.

    Newcombe's hybrid of two single-rate intervals, with exact limits in place of Wilson's: enumerated over samples of
    10 to 1,000 and rates of 0.001 to 0.999, a 95% bound holds at least 92.7% of the time, where Wilson's limits and
    Miettinen-Nurminen's score fall to 81% at rates near 0 or 1, which is where error rates live.
    Raises ValueError as `rate_interval` does.
    Source: Newcombe, Statistics in Medicine 17 (1998) 873, method 10; Zou and Donner, ibid. 27 (2008) 1693, for the
    same construction from other limits.
    """
    a, b = rate_interval(events_a, trials_a, confidence), rate_interval(events_b, trials_b, confidence)
    estimate = a.estimate - b.estimate
    below = math.hypot(a.estimate - a.low, b.high - b.estimate)
    above = math.hypot(a.high - a.estimate, b.estimate - b.low)
    return Interval(estimate, max(-1.0, estimate - below), min(1.0, estimate + above))


def paired_difference(candidate_only: float, baseline_only: float, rows: float, confidence: float) -> PairedDifference:
    """Bound the difference of two rates over the same rows, from the rows where only one of the two is right.

    The candidate is non-inferior where `low` is at least minus the margin. Enumerated over 10 to 400 rows, a 95% bound
    holds 91.3% of the time at worst (few rows or few discordant ones), 95-98% on average.
    Raises ValueError where there are no rows, or more discordant rows than rows.
    Source: Tango, Statistics in Medicine 17 (1998) 891, the score statistic inverted by bisection.
    """
    _check_confidence(confidence)
    for count in (candidate_only, baseline_only, candidate_only + baseline_only):
        _check_counts(count, rows)
    z = NormalDist().inv_cdf(confidence)
    return PairedDifference(
        float((candidate_only - baseline_only) / rows),
        _paired_lower(candidate_only, baseline_only, rows, z),
        -_paired_lower(baseline_only, candidate_only, rows, z),
    )


def rows_for_non_inferiority(discordance: float, margin: float, confidence: float) -> int:
    """Count the rows at which `paired_difference` shows an equal candidate non-inferior with a power of 80%.

    `discordance` is the share of rows where only one of the two is right, split evenly; `margin` is the loss allowed.
    Near (z_confidence + z_power)^2 * discordance / margin^2, and more where discordance is not far above the margin.
    Source: the score statistic of Tango (1998) at its expected counts; Liu, Hsueh and Chen, Statistics in Medicine 21
    (2002) 231, for the construction.
    """
    _check_confidence(confidence)
    if not 0 <= discordance <= 1 or not 0 < margin < 1:
        raise ValueError(f"discordance {discordance} must lie in [0, 1] and margin {margin} in (0, 1)")
    under_margin = math.sqrt(_score_variance(discordance / 2, discordance / 2, 1, -margin))
    z, z_power = NormalDist().inv_cdf(confidence), NormalDist().inv_cdf(POWER)
    return math.ceil(((z * under_margin + z_power * math.sqrt(discordance)) / margin) ** 2)


def quantile_interval(values: ArrayLike, q: float, confidence: float) -> QuantileBound:
    """Bound a quantile by two of the values themselves, whatever their distribution.

    `values` has shape (n,) and any order; infinity (a request that never ended) is a value, NaN is not. The estimate
    is the smallest value with at least a share `q` of the sample at or below it.
    Raises ValueError for no values, a NaN, or q outside (0, 1).
    Source: Conover, Practical Nonparametric Statistics (3rd ed., 1999), section 3.2, as scipy.stats.quantile_test.
    """
    from scipy.special import bdtr

    _check_confidence(confidence)
    if not 0 < q < 1:
        raise ValueError(f"quantile {q} must lie in (0, 1)")
    sample = _sample(values, fewest=1)
    ranks = range(sample.size)

    def at_most(rank: int) -> float:
        return float(bdtr(rank, sample.size, q))

    low = bisect_right(ranks, 1 - confidence, key=at_most) - 1
    high = bisect_left(ranks, confidence, key=at_most)
    middle = min(max(math.ceil(sample.size * q) - 1, 0), sample.size - 1)
    ordered = np.partition(sample, sorted({max(low, 0), middle, min(high, sample.size - 1)}))
    return QuantileBound(
        float(ordered[middle]),
        float(ordered[low]) if low >= 0 else None,
        float(ordered[high]) if high < sample.size else None,
        _rows_for_quantile(q, confidence),
    )


def slope(x: ArrayLike, y: ArrayLike, confidence: float) -> Interval:
    """Bound the slope of y over x by ranks, in units of y per unit of x; up to 29% of wild values do not move it.

    `x` and `y` have shape (n,), finite, n at most 5,000 (average a longer series in blocks first). A constant y has
    slope 0 with bounds 0.
    Raises ValueError where x has too few different values (4 at a confidence of 0.95) for any bound.
    Source: Sen, JASA 63 (1968) 1379, as scipy.stats.theilslopes.
    """
    _check_confidence(confidence)
    xs, ys = _sample(x, fewest=1, finite=True), _sample(y, fewest=1, finite=True)
    if xs.size != ys.size or xs.size > MOST_SLOPE_POINTS:
        raise ValueError(f"x has {xs.size} points and y {ys.size}: give the same number, at most {MOST_SLOPE_POINTS}")
    # Ordered by chance alone, k points rise throughout once in k! times.
    distinct = np.unique(xs).size
    if 1 / math.factorial(min(distinct, 20)) > 1 - confidence:
        raise ValueError(f"{distinct} different values of x bound no slope at confidence {confidence}")
    from scipy.stats import theilslopes

    fit = theilslopes(ys, xs, alpha=2 * confidence - 1)
    return _around(fit.slope, fit.low_slope, fit.high_slope)


def ratio_of_medians(a: ArrayLike, b: ArrayLike, confidence: float, seed: int) -> Interval:
    """Bound median(a) / median(b) of two independent samples of positive values.

    `a` and `b` have shapes (n,) and (m,), finite, b above 0.
    Raises ValueError where a sample is too small (under 5 at a confidence of 0.95) to bound its median.
    Source: percentile bootstrap, Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; a
    resample's median is drawn from the order statistics of uniforms, which follow a beta distribution (David and
    Nagaraja, Order Statistics, 2003, section 2.1).
    """
    _check_confidence(confidence)
    fewest = _rows_for_quantile(0.5, confidence)
    above, below = _sample(a, fewest, finite=True), _sample(b, fewest, finite=True)
    if below.min() <= 0 or above.min() < 0:
        raise ValueError("a ratio of medians needs values above 0")
    random = np.random.default_rng(seed)
    ratios = _resampled_medians(above, random) / _resampled_medians(below, random)
    low, high = np.quantile(ratios, [1 - confidence, confidence])
    return _around(np.median(above) / np.median(below), low, high)


def mean_interval(values: ArrayLike, confidence: float, seed: int) -> Interval:
    """Bound the mean of skewed times, in their unit.

    `values` has shape (n,), finite, not negative. On log-normal (sigma 0.5 and 1) and exponential times a 95% upper
    bound holds 88-92% of the time at n = 10, 90-94% at 30 and 93-95% at 100; it can't know of slow values too rare to
    be in the sample.
    Raises ValueError for fewer than 2 values.
    Source: studentised bootstrap, Hall, Annals of Statistics 16 (1988) 927. A resample's spread is kept at no less than
    1 / sqrt(n) of the sample's, or one that misses the only slow value would push the bound to infinity.
    """
    _check_confidence(confidence)
    sample = _sample(values, fewest=2, finite=True)
    if sample.min() < 0:
        raise ValueError(f"a time of {sample.min()} is negative")
    if np.ptp(sample) == 0:
        return _around(sample[0], sample[0], sample[0])
    mean, spread, n = float(sample.mean()), float(sample.std(ddof=1)), sample.size
    random = np.random.default_rng(seed)
    at_once = max(1, min(RESAMPLES, RESAMPLE_BLOCK // n))
    shifts = []
    for _ in range(0, RESAMPLES, at_once):
        drawn = sample[random.integers(0, n, (at_once, n))]
        shifts.append((drawn.mean(axis=1) - mean) / np.maximum(drawn.std(axis=1, ddof=1), spread / math.sqrt(n)))
    low, high = np.quantile(np.concatenate(shifts), [confidence, 1 - confidence])
    return _around(mean, max(0.0, mean - low * spread), mean - high * spread)


def _check_confidence(confidence: float) -> None:
    if not LOWEST_CONFIDENCE <= confidence < 1:
        raise ValueError(f"confidence {confidence} must lie in [{LOWEST_CONFIDENCE}, 1)")


def _check_counts(events: float, trials: float) -> None:
    if trials < 1 or not 0 <= events <= trials:
        raise ValueError(f"{events} events in {trials} trials: there must be a trial, and 0 to all of them events")


def _sample(values: ArrayLike, fewest: int, *, finite: bool = False) -> NDArray[np.float64]:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size < fewest:
        raise ValueError(f"values of shape {sample.shape}: at least {fewest} in one dimension are needed")
    if np.isnan(sample).any() or (finite and np.isinf(sample).any()):
        raise ValueError("a value is NaN, or infinite where only finite ones have a meaning")
    return sample


def _around(estimate: float, low: float, high: float) -> Interval:
    return Interval(float(estimate), float(min(low, estimate)), float(max(high, estimate)))


def _rate_upper(events: float, trials: float, confidence: float) -> float:
    from scipy.special import betaincinv

    return float(betaincinv(events + 1, trials - events, confidence)) if events < trials else 1.0


def _score_variance(b: float, c: float, n: float, difference: float) -> float:
    """Variance of b - c where the true difference is the given one (Tango 1998); b and c may be expected counts."""
    if difference < 0:  # the same by symmetry, and then no term below is negative
        b, c, difference = c, b, -difference
    square, linear, constant = 2 * n, (2 * n - b + c) * difference - b - c, c * difference * (1 - difference)
    root = math.sqrt(linear * linear + 4 * square * constant)
    share = (root - linear) / (2 * square)
    return n * (2 * share + difference * (1 - difference))


def _paired_lower(b: float, c: float, n: float, z: float) -> float:
    """Find the smallest difference that the score test does not reject; -1 where all rows favour the baseline."""
    low, high = -1.0, (b - c) / n
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if b - c - n * middle > z * math.sqrt(_score_variance(b, c, n, middle)):
            low = middle
        else:
            high = middle
    return low


def _rows_for_quantile(q: float, confidence: float) -> int:
    """Count the values whose largest is above the quantile with the asked confidence: q^n is the chance it is not."""
    return math.ceil(math.log(1 - confidence) / math.log(q) - ROUNDING)


# The generator is named in quotes because numpy.random takes a while to import.
def _resampled_medians(sample: NDArray[np.float64], random: "np.random.Generator") -> NDArray[np.float64]:
    """Draw medians of resamples with replacement: the middle order statistics of n uniforms, read off the sample."""
    ordered, n = np.sort(sample), sample.size
    lower = random.beta((n + 1) // 2, n // 2 + 1, MEDIAN_DRAWS)
    upper = lower if n % 2 else lower + (1 - lower) * random.beta(1, n // 2, MEDIAN_DRAWS)
    ranks = np.minimum((np.stack([lower, upper]) * n).astype(int), n - 1)
    return np.asarray(ordered[ranks].mean(axis=0))
