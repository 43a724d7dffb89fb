"""How far two distributions lie apart: effect sizes between 0 (alike) and 1 (nothing in common), and their bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tasks.statistics.bounds import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray


def total_variation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the total variation distance of two distributions over the same categories, shape (categories,) each.

    It is the least share of one that would have to move to make the other.
    """
    return float(np.abs(a - b).sum() / 2)


def largest_gap(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, int]:
    """Return the Kolmogorov-Smirnov distance over the same cells in ascending order, and the cell after which it lies."""
    gaps = np.abs(np.cumsum(a - b))
    at = int(gaps.argmax())
    return float(gaps[at]), at


def chance(a: NDArray[np.float64], b: NDArray[np.float64], rows_a: float, rows_b: float) -> float:
    """Return how much sampling alone adds to the expected total variation distance, at the most.

    Half the sum of each category's mean absolute deviation, of a normal distribution: it is nearly all of the distance
    where the two are alike, and the more the categories, the more.
    """
    deviations = np.sqrt(a * (1 - a) / rows_a + b * (1 - b) / rows_b)
    return float(deviations.sum() * math.sqrt(2 / math.pi) / 2)


def distance_interval(
    distance: float, rows_a: float, rows_b: float, confidence: float, excess: float = 0.0
) -> Interval:
    """Bound the distance of two distributions from that of independent samples of them.

    `rows_a` and `rows_b` are effective numbers where rows have weights; `excess` is `chance` of a total variation
    distance, and 0 of a Kolmogorov-Smirnov distance.
    Raises ValueError where a sample is empty.
    Source: one row moves the distance by no more than its share, so McDiarmid's inequality (Surveys in Combinatorics
    1989, 148) holds it to its mean, which is not below the true distance (Jensen) and not above it by more than
    `excess`. Of Kolmogorov-Smirnov the lower end is Massart's bound (Annals of Probability 18 (1990) 1269) with the
    two samples' rows taken as nm/(n+m) (Wei and Dudley, Statistics and Probability Letters 82 (2012) 636).
    """
    if not (rows_a > 0 and rows_b > 0):
        raise ValueError(f"samples of {rows_a:g} and {rows_b:g} rows: both must have some")
    share = (1 / rows_a + 1 / rows_b) / 2
    above = math.sqrt(math.log(1 / (1 - confidence)) * share)
    below = math.sqrt(math.log(2 / (1 - confidence)) * share) + excess
    return Interval(distance, max(0.0, distance - below), min(1.0, distance + above))
