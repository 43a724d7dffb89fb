"""What a bound decides, and what cannot be decided or answered at all."""

import math
import sys
from collections.abc import Callable
from subprocess import run

import pytest

from tasks.statistics import (
    Interval,
    QuantileBound,
    decide_lower,
    decide_upper,
    difference_interval,
    mean_interval,
    paired_difference,
    quantile_interval,
    rate_interval,
    ratio_of_medians,
    rows_for_non_inferiority,
    rows_for_rate_bound,
    slope,
)


@pytest.mark.parametrize(
    ("low", "high", "upper", "lower"),
    [
        (0.1, 0.2, "pass", "fail"),
        (0.1, 0.3, "pass", "inconclusive"),
        (0.2, 0.4, "inconclusive", "inconclusive"),
        (0.3, 0.4, "inconclusive", "pass"),
        (0.35, 0.4, "fail", "pass"),
        (None, None, "inconclusive", "inconclusive"),
        (math.nan, math.nan, "inconclusive", "inconclusive"),
        (0.1, None, "inconclusive", "inconclusive"),
        (0.1, math.nan, "inconclusive", "inconclusive"),
        (0.5, None, "fail", "pass"),
        (None, 0.2, "pass", "fail"),
        (math.nan, 0.4, "inconclusive", "inconclusive"),
    ],
)
def test_a_limit_is_compared_with_the_bound_that_could_break_it(
    low: float | None, high: float | None, upper: str, lower: str
) -> None:
    """Against a limit of 0.3, the worse bound passes, the better one fails, and nothing else decides."""
    bounds = QuantileBound(0.25, low, high, 1)
    assert (decide_upper(bounds, 0.3), decide_lower(bounds, 0.3)) == (upper, lower)


def test_a_limit_that_is_nan_passes_nothing() -> None:
    """A NaN limit leaves every decision open."""
    bounds = Interval(1.0, 0.9, 1.1)
    assert (decide_upper(bounds, math.nan), decide_lower(bounds, math.nan)) == ("inconclusive", "inconclusive")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: rate_interval(0, 0, 0.95),
        lambda: rate_interval(-1, 5, 0.95),
        lambda: rate_interval(6, 5, 0.95),
        lambda: difference_interval(1, 2, 0, 0, 0.95),
        lambda: paired_difference(0, 0, 0, 0.95),
        lambda: paired_difference(3, 3, 5, 0.95),
        lambda: paired_difference(5, 1, 5, 0.95),
        lambda: paired_difference(-1, 2, 5, 0.95),
        lambda: rows_for_non_inferiority(0.1, 0.0, 0.95),
        lambda: rows_for_non_inferiority(math.nan, 0.1, 0.95),
        lambda: rows_for_rate_bound(math.nan, 0.1, 0.95),
        lambda: rows_for_rate_bound(0.1, math.nan, 0.95),
        lambda: quantile_interval([], 0.5, 0.95),
        lambda: quantile_interval([1.0, math.nan], 0.5, 0.95),
        lambda: quantile_interval([1.0], 1.0, 0.95),
        lambda: quantile_interval([[1.0]], 0.5, 0.95),
        lambda: slope([1, 2, 3, 4], [1, 2, 3], 0.95),
        lambda: slope([1, 2, 3, 4], [1, 2, 3, math.nan], 0.95),
        lambda: slope(range(5001), range(5001), 0.95),
        lambda: ratio_of_medians([1.0] * 4, [1.0] * 9, 0.95, 0),
        lambda: ratio_of_medians([1.0] * 9, [0.0] * 9, 0.95, 0),
        lambda: ratio_of_medians([1.0] * 9, [math.inf] * 9, 0.95, 0),
        lambda: mean_interval([1.0], 0.95, 0),
        lambda: mean_interval([1.0, -1.0], 0.95, 0),
        lambda: mean_interval([1.0, math.nan], 0.95, 0),
        lambda: rate_interval(1, 2, 0.5),
        lambda: rate_interval(1, 2, 1.0),
        lambda: rate_interval(1, 2, math.nan),
    ],
)
def test_what_cannot_be_answered_is_an_error(ask: Callable[[], object]) -> None:
    """Too little or senseless input raises, so that no number stands for its absence."""
    with pytest.raises(ValueError, match=r"\w"):
        ask()


def test_import_leaves_scipy_alone() -> None:
    """Importing the rules does not load scipy."""
    code = "import sys, tasks.statistics; raise SystemExit('scipy' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
