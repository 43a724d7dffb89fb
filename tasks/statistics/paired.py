"""Two rates over the same rows."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from tasks.statistics.bounds import Interval, check_confidence, check_counts

POWER = 0.8  # the chance that a planned sample size shows a true non-inferiority
BISECTIONS = 100  # halves [-1, 1] down to neighbouring floats


@dataclass(frozen=True, slots=True)
class PairedDifference(Interval):
    """Candidate's rate minus baseline's on the same rows; positive favours the candidate."""


def paired_difference(candidate_only: float, baseline_only: float, rows: float, confidence: float) -> PairedDifference:
    """Bound the difference of two rates over the same rows, from the rows where only one of the two is right.

    The candidate is non-inferior where `low` is at least minus the margin. Enumerated over 10 to 400 rows, a 95% bound
    holds 91.3% of the time at worst (few rows or few discordant ones), 95-98% on average.
    Raises ValueError where there are no rows, or more discordant rows than rows.
    Source: Tango, Statistics in Medicine 17 (1998) 891, the score statistic inverted by bisection.
    """
    check_confidence(confidence)
    for count in (candidate_only, baseline_only, candidate_only + baseline_only):
        check_counts(count, rows)
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
    check_confidence(confidence)
    if not 0 <= discordance <= 1 or not 0 < margin < 1:
        raise ValueError(f"discordance {discordance} must lie in [0, 1] and margin {margin} in (0, 1)")
    under_margin = math.sqrt(_score_variance(discordance / 2, discordance / 2, 1, -margin))
    z, z_power = NormalDist().inv_cdf(confidence), NormalDist().inv_cdf(POWER)
    return math.ceil(((z * under_margin + z_power * math.sqrt(discordance)) / margin) ** 2)


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
