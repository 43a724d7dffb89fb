"""How much less rows say that come in clusters (days, users, documents), since rows of one cluster may be alike."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_CLUSTERS = 10  # fewer can't tell how one differs from another
CHANCE = 0.25  # of taking clusters for different that are not: to miss that they are costs a bound its coverage
SIDE = 0.975  # of an interval of 95%, at which the quantiles of t and of the normal distribution are compared


class Spread(NamedTuple):
    """The variance of a weighted sum of residuals between clusters, its degrees of freedom, and the clusters."""

    variance: float
    degrees: float
    clusters: int


def spread(residuals: NDArray[np.float64], weights: NDArray[np.float64], codes: NDArray[np.intp] | None) -> Spread:
    """Return the variance of the sum of `residuals`, which come in clusters; None: each row is its own.

    Arguments have shape (rows,): residuals are a weight times how far its value lies from the weighted mean (of a ratio:
    the numerator less the ratio times the denominator), weights are above 0 (of a ratio: times the denominator), and
    codes are small whole numbers.
    Source: the jackknife over clusters, which is not too small where clusters are few or of unequal sizes (MacKinnon,
    Nielsen and Webb, Journal of Econometrics 232 (2023) 272, CV3); degrees of freedom after Satterthwaite (Biometrics
    Bulletin 2 (1946) 110), with rows of one cluster as much alike as they look here (Imbens and Kolesár, Review of
    Economics and Statistics 98 (2016) 701).
    """
    rows = np.arange(residuals.size) if codes is None else codes
    sums, sizes, squares = (np.bincount(rows, values) for values in (residuals, weights, np.square(weights)))
    there = sizes > 0
    sums, sizes, squares = sums[there], sizes[there], squares[there]
    clusters, total = int(sizes.size), float(sizes.sum())
    if clusters == 1:
        return Spread(float("inf"), 1.0, 1)
    others = np.maximum(1 - sizes / total, np.finfo(float).eps)
    variance = float(np.square(sums / others).sum()) * (clusters - 1) / clusters
    alone, together = float(squares.sum()), float(np.square(sizes).sum())
    alike = 0.0
    if together > alone and (plain := float(np.square(residuals).sum())) > 0:
        alike = min(max((variance / plain - 1) / (together / alone - 1), 0.0), 1.0)
    each = (1 - alike) * squares + alike * np.square(sizes)
    degrees = float(each.sum() ** 2 / np.square(each).sum()) - 1
    return Spread(variance, max(degrees, 1.0), clusters)


def both_ways(days: Spread, clusters: Spread, crossed: Spread, alone: Spread) -> float:
    """Return the variance where rows are alike by day and by cluster, from that of each, and of both together.

    Source: Cameron, Gelbach and Miller, Journal of Business and Economic Statistics 29 (2011) 238; no less than any of
    them, since the sum may fall short of the truth, or of 0.
    """
    together = days.variance + clusters.variance - crossed.variance
    return max(together, days.variance, clusters.variance, alone.variance)


class Alike(NamedTuple):
    """How much alike rows of one day, of one cluster and of one input are: their intraclass correlations, from 0 to 1."""

    days: float = 0.0
    clusters: float = 0.0
    copies: float = 0.0


APART = Alike()


def intraclass_correlation(
    residuals: NDArray[np.float64], weights: NDArray[np.float64], codes: NDArray[np.intp] | None
) -> float:
    """Return how much alike rows of one cluster are, from 0 to 1; arguments as of `spread`.

    It is 0 where clusters are fewer than ten, hold a row each, or differ by no more than chance lets them. Else it is
    raised by what is not known of it, as a design effect is.
    Source: Kish, Survey Sampling (1965) 5.4, solved for the correlation.
    """
    if codes is None or not residuals.size:
        return 0.0
    alone, found = spread(residuals, weights, None), spread(residuals, weights, codes)
    room = _excess_rows(weights, codes)
    if alone.variance == 0 or room <= 0 or not _differ(found, alone):
        return 0.0
    return min(max((found.variance / alone.variance * _doubt(found.degrees) - 1) / room, 0.0), 1.0)


def design_effect(
    residuals: NDArray[np.float64],
    weights: NDArray[np.float64],
    days: NDArray[np.intp] | None,
    clusters: NDArray[np.intp] | None,
    copies: NDArray[np.intp] | None = None,
    alike: Alike = APART,
) -> float:
    """Return by how many times fewer independent rows say as much; arguments as of `spread`, never less than 1.

    Where days, or clusters, differ by no more than chance lets them, they count for nothing. Of fewer than ten days
    nothing is known; of fewer than ten clusters neither, but since somebody said that their rows may be alike, each of
    these counts as one row. Copies, rows of equal input, are clusters that nobody had to name, unless there are fewer than
    ten inputs. `alike` is what is known from elsewhere: rows are taken to be no less alike than that.
    Source: the degrees-of-freedom adjusted effective sample size of Korn and Graubard, Survey Methodology 24 (1998) 193.
    """
    if not residuals.size:
        return 1.0
    kinds = (days, clusters, copies)
    known = max(1 + rho * _excess_rows(weights, codes) for rho, codes in zip(alike, kinds, strict=True))
    own = _own_effect(residuals, weights, days, clusters)
    if copies is not None and np.unique(copies).size >= FEWEST_CLUSTERS:
        own = max(own, _own_effect(residuals, weights, days, copies))
    return max(own, known)


def _excess_rows(weights: NDArray[np.float64], codes: NDArray[np.intp] | None) -> float:
    """Return how many other rows the cluster of a row has, in the mean over rows and by weight."""
    if codes is None:
        return 0.0
    return float(np.square(np.bincount(codes, weights)).sum() / np.square(weights).sum()) - 1


def _doubt(degrees: float) -> float:
    """Return by how much a variance of so many degrees of freedom is raised, so that normal bounds hold with it."""
    from scipy.special import stdtrit

    return (float(stdtrit(degrees, SIDE)) / NormalDist().inv_cdf(SIDE)) ** 2


def _own_effect(
    residuals: NDArray[np.float64],
    weights: NDArray[np.float64],
    days: NDArray[np.intp] | None,
    clusters: NDArray[np.intp] | None,
) -> float:
    rows_worth = float(weights.sum() ** 2 / np.square(weights).sum())
    if clusters is not None and np.unique(clusters).size < FEWEST_CLUSTERS:
        return 1 + max(_excess_rows(weights, clusters), 0.0)
    alone = spread(residuals, weights, None)
    if alone.variance == 0 or alone.clusters == 1:
        return 1.0
    found = [
        (codes, one)
        for codes in (days, clusters)
        if codes is not None and _differ(one := spread(residuals, weights, codes), alone)
    ]
    if not found:
        return 1.0
    variance = max(one.variance for _, one in found)
    if len(found) > 1:
        (by_day, day), (by_cluster, cluster) = found
        variance = both_ways(day, cluster, spread(residuals, weights, crossed_codes(by_day, by_cluster)), alone)
    doubt = _doubt(min(one.degrees for _, one in found))
    return min(max(variance / alone.variance * doubt, 1.0), rows_worth)


def crossed_codes(days: NDArray[np.intp], clusters: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return a number for each pair of a day and a cluster that some row has, shape (rows,)."""
    pairs = days * (int(clusters.max(initial=0)) + 1) + clusters
    return np.asarray(np.unique(pairs, return_inverse=True)[1])


def _differ(found: Spread, alone: Spread) -> bool:
    """Tell whether clusters are enough, and differ by more than chance lets them."""
    from scipy.special import chdtri

    freedom = found.clusters - 1
    effect = found.variance / alone.variance
    return found.clusters >= FEWEST_CLUSTERS and effect > 1 and effect * freedom > chdtri(freedom, CHANCE)
