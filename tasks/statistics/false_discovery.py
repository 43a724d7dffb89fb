"""Which of many findings to name: few of those named may be chance, where a gate's verdict allows hardly any.

A verdict that one of many slices can turn is held to the chance of a single false one (Bonferroni). A list of findings
that people go through is held to the share of false ones among them.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tasks.statistics.bounds import LOWEST_CONFIDENCE

SMALLEST = 1e-12  # a level below it is as good as none
HALVINGS = 40


def smallest_level(shown: Callable[[float], bool]) -> float:
    """Return the smallest level (1 less a confidence) at which a bound still shows a finding; 1 where none does.

    `shown` tells it of a confidence, and of every lower one too. That level is the p-value of the test that the bound is.
    Source: Lehmann and Romano, Testing Statistical Hypotheses (3rd ed., 2005), 3.5.
    """
    low, high = np.log(SMALLEST), np.log(1 - LOWEST_CONFIDENCE)
    if not shown(LOWEST_CONFIDENCE):
        return 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if shown(float(-np.expm1(middle))) else (middle, high)
    return float(np.exp(high))


def discoveries(levels: Sequence[float], rate: float) -> tuple[int, ...]:
    """Return the places of the findings to name, such that on average at most a share `rate` of those named is false.

    It holds for independent findings and for those that go together, as slices of the same rows do.
    Source: Benjamini and Hochberg, JRSS B 57 (1995) 289; Benjamini and Yekutieli, Annals of Statistics 29 (2001) 1165.
    """
    if not levels:
        return ()
    from scipy.stats import false_discovery_control

    return tuple(np.flatnonzero(false_discovery_control(levels, method="bh") <= rate).tolist())


def confidence_of_named(named: int, of: int, rate: float) -> float:
    """Return the confidence at which to bound each of the `named` findings of `of`, for a share `rate` of bounds to miss.

    Those that look worst were chosen for it, so that at the plain confidence more of their bounds than that would miss.
    Raises ValueError where none is named.
    Source: the false coverage rate, Benjamini and Yekutieli, JASA 100 (2005) 71.
    """
    if not 1 <= named <= of:
        raise ValueError(f"{named} of {of} findings are named: there must be one, and no more than there are")
    return 1 - rate * named / of
