"""What a bound is, how a limit reads it, and what every rule asks of its arguments."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Verdict: TypeAlias = Literal["pass", "fail", "inconclusive"]

LOWEST_CONFIDENCE = 0.75  # below it a bound may fall on the wrong side of its own estimate


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


def check_confidence(confidence: float) -> None:
    """Raise ValueError where a confidence is none that a bound can have."""
    if not LOWEST_CONFIDENCE <= confidence < 1:
        raise ValueError(f"confidence {confidence} must lie in [{LOWEST_CONFIDENCE}, 1)")


def check_counts(events: float, trials: float) -> None:
    """Raise ValueError where there is no trial, or not from none to all of them are events."""
    if trials < 1 or not 0 <= events <= trials:
        raise ValueError(f"{events} events in {trials} trials: there must be a trial, and 0 to all of them events")


def sample(values: ArrayLike, fewest: int, *, finite: bool = False) -> NDArray[np.float64]:
    """Return values as an array of shape (n,); raises ValueError for too few, NaN, or infinity where it must be `finite`."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size < fewest:
        raise ValueError(f"values of shape {sample.shape}: at least {fewest} in one dimension are needed")
    if np.isnan(sample).any() or (finite and np.isinf(sample).any()):
        raise ValueError("a value is NaN, or infinite where only finite ones have a meaning")
    return sample


def difference_of(a: Interval, b: Interval) -> Interval:
    """Bound the difference of two independent quantities from the bounds of each.

    Source: Zou and Donner, Statistics in Medicine 27 (2008) 1693: the distances to the bounds add up as independent ones do.
    """
    estimate = a.estimate - b.estimate
    below = math.hypot(a.estimate - a.low, b.high - b.estimate)
    above = math.hypot(a.high - a.estimate, b.estimate - b.low)
    return Interval(estimate, estimate - below, estimate + above)


def around(estimate: float, low: float, high: float) -> Interval:
    """Return the interval, made wide enough to hold its estimate."""
    return Interval(float(estimate), float(min(low, estimate)), float(max(high, estimate)))
