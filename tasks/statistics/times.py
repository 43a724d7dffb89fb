"""Quantiles, means, ratios and slopes of measured values."""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tasks.statistics.bounds import Interval, around, check_confidence, sample

MOST_SLOPE_POINTS = 5_000  # Theil-Sen keeps every pair: 0.7 GB here, and four times that at double
ROUNDING = 1e-9  # of a ratio of logarithms that should be whole
RESAMPLES = 2_000
MEDIAN_DRAWS = 10_000  # a draw costs two random numbers, whatever the sample size
RESAMPLE_BLOCK = 4_000_000  # random numbers in memory at once


@dataclass(frozen=True, slots=True)
class QuantileBound:
    """A sample quantile, its one-sided bounds where the sample allows them, and the fewest values for an upper one."""

    estimate: float
    low: float | None
    high: float | None
    needed: int


def quantile_interval(values: ArrayLike, q: float, confidence: float) -> QuantileBound:
    """Bound a quantile by two of the values themselves, whatever their distribution.

    `values` has shape (n,) and any order; infinity (a request that never ended) is a value, NaN is not. The estimate
    is the smallest value with at least a share `q` of the sample at or below it.
    Raises ValueError for no values, a NaN, or q outside (0, 1).
    Source: Conover, Practical Nonparametric Statistics (3rd ed., 1999), section 3.2, as scipy.stats.quantile_test.
    """
    from scipy.special import bdtr

    check_confidence(confidence)
    if not 0 < q < 1:
        raise ValueError(f"quantile {q} must lie in (0, 1)")
    seen = sample(values, fewest=1)
    ranks = range(seen.size)

    def at_most(rank: int) -> float:
        return float(bdtr(rank, seen.size, q))

    low = bisect_right(ranks, 1 - confidence, key=at_most) - 1
    high = bisect_left(ranks, confidence, key=at_most)
    middle = min(max(math.ceil(seen.size * q) - 1, 0), seen.size - 1)
    ordered = np.partition(seen, sorted({max(low, 0), middle, min(high, seen.size - 1)}))
    return QuantileBound(
        float(ordered[middle]),
        float(ordered[low]) if low >= 0 else None,
        float(ordered[high]) if high < seen.size else None,
        _rows_for_quantile(q, confidence),
    )


def slope(x: ArrayLike, y: ArrayLike, confidence: float) -> Interval:
    """Bound the slope of y over x by ranks, in units of y per unit of x; up to 29% of wild values do not move it.

    `x` and `y` have shape (n,), finite, n at most 5,000 (average a longer series in blocks first). A constant y has
    slope 0 with bounds 0.
    Raises ValueError where x has too few different values (4 at a confidence of 0.95) for any bound.
    Source: Sen, JASA 63 (1968) 1379, as scipy.stats.theilslopes.
    """
    check_confidence(confidence)
    xs, ys = sample(x, fewest=1, finite=True), sample(y, fewest=1, finite=True)
    if xs.size != ys.size or xs.size > MOST_SLOPE_POINTS:
        raise ValueError(f"x has {xs.size} points and y {ys.size}: give the same number, at most {MOST_SLOPE_POINTS}")
    # Ordered by chance alone, k points rise throughout once in k! times.
    distinct = np.unique(xs).size
    if 1 / math.factorial(min(distinct, 20)) > 1 - confidence:
        raise ValueError(f"{distinct} different values of x bound no slope at confidence {confidence}")
    from scipy.stats import theilslopes

    fit = theilslopes(ys, xs, alpha=2 * confidence - 1)
    return around(fit.slope, fit.low_slope, fit.high_slope)


def steady_slope(x: ArrayLike, y: ArrayLike, confidence: float) -> Interval:
    """Bound the slope of y over x as `slope` does, but from below only by growth that most of the steps have.

    `x` and `y` have shape (n,), in order and evenly spaced. The lower bound is no higher than that of the mean increment,
    which a series that wanders, or that rises in a few steps, hardly raises: ranks take its points for independent.
    Level series that rise in 1 or 2 of 14 steps, alike, are never above 0 by it, and in 3 by 6% of the mean rise; by ranks
    alone 2 or 3 leaps at random are above 0 in a quarter and in two thirds.
    Raises ValueError as `slope` does.
    Source: Student's interval of the increments' mean, under which a random walk's drift is bounded.
    """
    from scipy.stats import t

    ranks = slope(x, y, confidence)
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    rates = np.diff(ys) / np.diff(xs)
    half = t.ppf(confidence, rates.size - 1) * rates.std(ddof=1) / math.sqrt(rates.size)
    return around(ranks.estimate, min(ranks.low, rates.mean() - half), ranks.high)


def ratio_of_medians(a: ArrayLike, b: ArrayLike, confidence: float, seed: int) -> Interval:
    """Bound median(a) / median(b) of two independent samples of positive values.

    `a` and `b` have shapes (n,) and (m,), finite, b above 0.
    Raises ValueError where a sample is too small (under 5 at a confidence of 0.95) to bound its median.
    Source: percentile bootstrap, Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; a
    resample's median is drawn from the order statistics of uniforms, which follow a beta distribution (David and
    Nagaraja, Order Statistics, 2003, section 2.1).
    """
    check_confidence(confidence)
    fewest = _rows_for_quantile(0.5, confidence)
    above, below = sample(a, fewest, finite=True), sample(b, fewest, finite=True)
    if below.min() <= 0 or above.min() < 0:
        raise ValueError("a ratio of medians needs values above 0")
    random = np.random.default_rng(seed)
    ratios = _resampled_medians(above, random) / _resampled_medians(below, random)
    low, high = np.quantile(ratios, [1 - confidence, confidence])
    return around(np.median(above) / np.median(below), low, high)


def paired_ratio_of_medians(a: ArrayLike, b: ArrayLike, confidence: float, seed: int) -> Interval:
    """Bound median(a) / median(b) of values measured in pairs, above 0: pair i is a[i] and b[i].

    `a` and `b` have shape (n,), finite. What moves both of a pair alike moves the ratio hardly at all.
    Raises ValueError where there are too few pairs (under 5 at a confidence of 0.95) to bound a median.
    Source: percentile bootstrap over pairs, Efron and Tibshirani, An Introduction to the Bootstrap (1993), 8.3 and 13.
    """
    check_confidence(confidence)
    fewest = _rows_for_quantile(0.5, confidence)
    above, below = sample(a, fewest, finite=True), sample(b, fewest, finite=True)
    if above.size != below.size:
        raise ValueError(f"a has {above.size} values and b {below.size}: pairs need as many of each")
    if below.min() <= 0 or above.min() <= 0:
        raise ValueError("a ratio of medians needs values above 0")
    random, n = np.random.default_rng(seed), above.size
    at_once = max(1, min(RESAMPLES, RESAMPLE_BLOCK // n))
    ratios = []
    for _ in range(0, RESAMPLES, at_once):
        drawn = random.integers(0, n, (at_once, n))
        ratios.append(np.median(above[drawn], axis=1) / np.median(below[drawn], axis=1))
    low, high = np.quantile(np.concatenate(ratios), [1 - confidence, confidence])
    return around(np.median(above) / np.median(below), low, high)


def settling_point(values: ArrayLike, within: float, window: int) -> int | None:
    """Return after how many values a series stays near where it ends; None where it never does.

    `values` has shape (n,), in order. It has settled from the first value on from which the rolling median of `window`
    values stays within a share `within` of the median of the second half. A series shorter than two windows has not.
    """
    seen = sample(values, fewest=0, finite=True)
    if seen.size < 2 * window:
        return None
    final = float(np.median(seen[seen.size // 2 :]))
    rolling = np.median(np.lib.stride_tricks.sliding_window_view(seen, window), axis=1)
    away = np.flatnonzero(np.abs(rolling - final) > within * final)
    if not away.size:
        return 0
    return None if away[-1] == rolling.size - 1 else int(away[-1]) + 1


def mean_interval(values: ArrayLike, confidence: float, seed: int) -> Interval:
    """Bound the mean of skewed times, in their unit.

    `values` has shape (n,), finite, not negative. On log-normal (sigma 0.5 and 1) and exponential times a 95% upper
    bound holds 88-92% of the time at n = 10, 90-94% at 30 and 93-95% at 100; it can't know of slow values too rare to
    be in the sample.
    Raises ValueError for fewer than 2 values.
    Source: studentised bootstrap, Hall, Annals of Statistics 16 (1988) 927. A resample's spread is kept at no less than
    1 / sqrt(n) of the sample's, or one that misses the only slow value would push the bound to infinity.
    """
    check_confidence(confidence)
    seen = sample(values, fewest=2, finite=True)
    if seen.min() < 0:
        raise ValueError(f"a time of {seen.min()} is negative")
    if np.ptp(seen) == 0:
        return around(seen[0], seen[0], seen[0])
    mean, spread, n = float(seen.mean()), float(seen.std(ddof=1)), seen.size
    random = np.random.default_rng(seed)
    at_once = max(1, min(RESAMPLES, RESAMPLE_BLOCK // n))
    shifts = []
    for _ in range(0, RESAMPLES, at_once):
        drawn = seen[random.integers(0, n, (at_once, n))]
        shifts.append((drawn.mean(axis=1) - mean) / np.maximum(drawn.std(axis=1, ddof=1), spread / math.sqrt(n)))
    low, high = np.quantile(np.concatenate(shifts), [confidence, 1 - confidence])
    return around(mean, max(0.0, mean - low * spread), mean - high * spread)


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
