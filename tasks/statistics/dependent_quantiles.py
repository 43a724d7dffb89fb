"""Quantiles of values that come in a row and are alike when they are near, as response times in a queue are."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import numpy as np

from tasks.statistics.bounds import check_confidence, sample
from tasks.statistics.times import ROUNDING, QuantileBound, quantile_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

TAILS = (1, 2, 4)  # multiples of the tail at which clusters are sized: further down they are more, and much as large
BATCH_SIZES = 10
FEWEST_BATCHES = 10  # of the longest size: fewer hardly tell how batches differ
MOST_BATCHES = 640  # of the shortest
UNKNOWN = (
    1.85  # (z^2 + 1) / 2 at 95%: by how much Student's quantile is beyond the normal one, times degrees of freedom
)
SKEW = 1.5  # clusters differ in size more than so many independent values do; see benchmarks/slo_verdict.py


def dependent_quantile(values: ArrayLike, q: float, confidence: float) -> QuantileBound:
    """Bound a quantile of a stationary series by two of its values, counting each as the share of a value it is worth.

    `values` has shape (n,), in order; infinity (a request that never ended) is a value, NaN is not. Where n values are
    worth n / `variance_inflation` independent ones, the ranks are those of `quantile_interval` for so many, which may be
    a fraction. `needed` is how many values of this dependence an upper bound takes.
    Raises ValueError for no values, a NaN, or q outside (0, 1).
    Source: Korn and Graubard, Survey Methodology 24 (1998) 193, for exact bounds at an effective sample size.
    """
    from scipy.special import betainc

    check_confidence(confidence)
    seen = sample(values, fewest=1)
    plain = quantile_interval(seen, q, confidence)
    worth = 1 / variance_inflation(seen, q)
    counts = range(seen.size + 1)

    def share_at_most(over: int) -> float:
        """Return the confidence that the share of values above the (over + 1)-th largest is at most 1 - q."""
        return float(betainc(over * worth + 1, (seen.size - over) * worth, 1 - q)) if over < seen.size else 0.0

    def share_at_least(over: int) -> float:
        """Return the chance of so many over where just 1 - q of all values are."""
        return float(betainc(over * worth, (seen.size - over) * worth + 1, 1 - q)) if over else 1.0

    most = bisect_right(counts, -confidence, key=lambda over: -share_at_most(over)) - 1
    least = bisect_left(counts, confidence - 1, key=lambda over: -share_at_least(over))
    ordered = np.sort(seen)
    return QuantileBound(
        plain.estimate,
        float(ordered[seen.size - least]) if least <= seen.size else None,
        float(ordered[seen.size - 1 - most]) if most >= 0 else None,
        math.ceil(plain.needed / worth - ROUNDING),
    )


def variance_inflation(values: ArrayLike, q: float) -> float:
    """Return how many times the variance of the share over a quantile is that of as many independent values; at least 1.

    It is the largest over overlapping batches of ten sizes, up to a tenth of the series, and over the quantile and two
    lower ones, where clusters are more and so are better known; what it is above 1 is raised by half, as simulations of
    queues ask for. The levels are quantiles of the series itself: a run
    that was lucky has fewer values over a limit, and not over its own quantile.
    Source: Meketon and Schmeiser, Overlapping batch means, Proceedings of the Winter Simulation Conference (1984) 226,
    for the variance and its degrees of freedom.
    """
    seen = sample(values, fewest=1)
    ordered, found = np.sort(seen), [1.0]
    sizes = np.unique(
        np.geomspace(max(seen.size // MOST_BATCHES, 1), max(seen.size // FEWEST_BATCHES, 1), BATCH_SIZES).astype(int)
    )
    for level in (1 - tail * (1 - q) for tail in TAILS if tail == 1 or tail * (1 - q) <= 1 / 2):
        edge = ordered[min(max(math.ceil(seen.size * level) - 1, 0), seen.size - 1)]
        over = seen > edge if edge < ordered[-1] else seen >= edge  # the largest may stand there many times
        if not over.all():
            found += [_inflation(over, int(size)) for size in sizes if size > 1]
    return 1 + SKEW * (max(found) - 1)


def _inflation(over: NDArray[np.bool_], size: int) -> float:
    share = over.mean()
    sums = np.concatenate([[0.0], np.cumsum(over - share)])
    drift = sums[size:] - sums[:-size]
    variance = (drift @ drift) / drift.size / size / (share * (1 - share)) / (1 - (size - 1) / over.size)
    freedom = 3 / 2 * (over.size / size - 1)
    return float(variance * (1 + UNKNOWN / freedom))
