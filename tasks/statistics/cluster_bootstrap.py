"""Ratios of sums over weighted rows that come in clusters, bounded by drawing whole clusters anew."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from tasks.statistics.bounds import Interval, around, check_confidence
from tasks.statistics.clustered_rows import FEWEST_CLUSTERS, both_ways, crossed_codes, spread
from tasks.statistics.rates import rate_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

REPLICATES = 999  # so that every whole percentage is the rank of one
FEW_CLUSTERS = 30  # of which skewed values show too little of their tail
RISK_OF_FEW = 2 / 3  # of the risk that is allowed, by simulation (benchmarks/decision_rules.py)
AT_ONCE = 500_000  # counts of clusters, in memory together
ROWS = "labelled rows"  # what is drawn where nothing says that rows may be alike


class Resampled(Protocol):
    """What `resample_ratio` found; `pivots` are in ascending order."""

    @property
    def estimate(self) -> float:
        """The ratio."""

    @property
    def deviation(self) -> float:
        """Its standard error."""

    @property
    def degrees(self) -> float:
        """The degrees of freedom of the standard error."""

    @property
    def pivots(self) -> tuple[float, ...]:
        """How many standard errors each replicate lies above the estimate, by its own standard error."""

    @property
    def clusters(self) -> int:
        """How many clusters were drawn from."""

    @property
    def largest(self) -> float:
        """How large the ratio of one row can be, without its sign."""


class Resampling(NamedTuple):
    """A `Resampled`."""

    estimate: float
    deviation: float
    degrees: float
    by: str
    pivots: tuple[float, ...]
    clusters: int
    largest: float


def resample_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    weights: ArrayLike,
    groups: Mapping[str, NDArray[np.intp]] | None = None,
    largest: float | None = None,
    seed: int = 0,
) -> Resampling:
    """Return the weighted sum of `numerators` over that of `denominators`, and its bootstrap distribution.

    All arguments have shape (rows,); denominators are positive, and `groups` holds, under the names of some kinds of
    cluster, the number of each row's: rows of one are drawn together, since they may be alike. Of several kinds the one
    between which they differ most is drawn, and the standard error is that of the two that together have the largest. Without
    any, each row is its own.
    With denominators of 1 it is a mean. `largest` is how large a row's ratio can be; by default, the largest one here.
    Raises ValueError for no rows, a value that is not finite or a denominator or weight that is not positive.
    Source: the studentised bootstrap, Davison and Hinkley, Bootstrap Methods and their Application (1997), 2.4, over
    clusters, 3.8; the standard error of a ratio by linearisation, Cochran, Sampling Techniques (1977), 6.
    """
    top, under, weight = (np.asarray(values, dtype=np.float64) for values in (numerators, denominators, weights))
    if not top.size or not np.isfinite(top).all() or not (under > 0).all() or not (weight > 0).all():
        raise ValueError(f"{top.size} rows: there must be one, each finite, with a positive denominator and weight")
    estimate = float((weight * top).sum() / (weight * under).sum())
    residuals, sizes = weight * (top - estimate * under), weight * under
    alone = spread(residuals, sizes, None)
    kinds = {ROWS: (np.arange(top.size), alone)}
    if groups:
        kinds = {by: (codes, spread(residuals, sizes, codes)) for by, codes in groups.items()}
    by, (codes, widest) = max(kinds.items(), key=lambda kind: kind[1][1].variance)
    variance = max(widest.variance, alone.variance)
    for (one, first), (other, second) in combinations(kinds.values(), 2):
        variance = max(variance, both_ways(first, second, spread(residuals, sizes, crossed_codes(one, other)), alone))
    deviation = float(np.sqrt(variance)) / float(sizes.sum()) if widest.clusters > 1 else 0.0
    _, codes = np.unique(codes, return_inverse=True)
    a, b = (np.bincount(codes, weight * values).astype(np.float64) for values in (top, under))
    pivots = _pivots(a, b, seed) if a.size >= FEWEST_CLUSTERS and deviation > 0 else ()
    degrees = min(found.degrees for _, found in kinds.values())
    largest = float(np.abs(top / under).max()) if largest is None else largest
    return Resampling(estimate, deviation, degrees, by, pivots, int(a.size), largest)


def resampled_interval(found: Resampled, confidence: float) -> Interval | None:
    """Bound what `resample_ratio` found, each end at `confidence`; None where too few clusters tell how they differ.

    It is no narrower than one by the t distribution, and of few clusters each end is held at two thirds of the risk, since
    skewed values show too little of their tail there. Simulated over 10 to 60 clusters of equal and of unequal sizes, with
    normal and log-normal values and weights of 1 and 8, two 97.5% bounds hold together 92 to 97% of the time.
    Rows that are all alike have no spread to draw anew: then the share of clusters that an exact bound still allows to
    be unlike them takes the largest ratio, with either sign.
    Raises ValueError for a confidence outside [0.75, 1).
    """
    check_confidence(confidence)
    if found.clusters < FEWEST_CLUSTERS:
        return None
    if not found.pivots:
        unseen = rate_interval(0, found.clusters, confidence).high * found.largest
        return Interval(found.estimate, found.estimate - unseen, found.estimate + unseen)
    from scipy.special import stdtrit

    if found.clusters < FEW_CLUSTERS:
        confidence = 1 - RISK_OF_FEW * (1 - confidence)
    last, least = len(found.pivots) - 1, float(stdtrit(found.degrees, confidence))
    rank = min(math.ceil(confidence * (last + 2)) - 1, last)
    below, above = max(found.pivots[rank], least), max(-found.pivots[last - rank], least)
    return around(found.estimate, found.estimate - below * found.deviation, found.estimate + above * found.deviation)


def _pivots(a: NDArray[np.float64], b: NDArray[np.float64], seed: int) -> tuple[float, ...]:
    """Return how many of its own standard errors the ratio of each resample lies above that of all, in ascending order."""
    estimate, _ = _ratio(np.ones((1, a.size)), a, b)
    random = np.random.default_rng(seed)
    chances, at_once = np.full(a.size, 1 / a.size), max(1, AT_ONCE // a.size)
    found: list[float] = []
    for first in range(0, REPLICATES, at_once):
        counts = random.multinomial(a.size, chances, size=min(at_once, REPLICATES - first))
        ratio, error = _ratio(counts.astype(np.float64), a, b)
        found += ((ratio - estimate[0])[error > 0] / error[error > 0]).tolist()
    return tuple(sorted(found))


def _ratio(
    counts: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ratio and its standard error where cluster i counts counts[:, i] times; both of shape (replicates,)."""
    total = counts @ b
    ratio = counts @ a / total
    drawn = counts.sum(axis=1)
    squares = counts @ (a * a) - 2 * ratio * (counts @ (a * b)) + ratio * ratio * (counts @ (b * b))
    return ratio, np.sqrt(np.maximum(squares, 0) * drawn / (drawn - 1).clip(1)) / total
