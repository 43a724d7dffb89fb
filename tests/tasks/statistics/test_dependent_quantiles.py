"""Quantiles of values whose neighbours are alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.exponential_queue import EXPONENTIAL_P99, RATE, queue

from tasks.statistics import dependent_quantile, quantile_interval, variance_inflation


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_values_that_do_not_cluster_are_bounded_as_independent_ones(q: float) -> None:
    """Spread evenly, each value counts as one, and the ranks are those of exact order statistics."""
    values = np.arange(1_000.0) * 617 % 1_000
    assert variance_inflation(values, q) == pytest.approx(1)
    assert dependent_quantile(values, q, 0.95) == quantile_interval(values, q, 0.95)


def test_values_in_rows_of_ten_count_as_a_tenth() -> None:
    """Ten alike in a row are one; the bound takes ten times as many values and lies further out."""
    values = np.repeat(np.random.default_rng(0).exponential(1, 2_000), 10)
    inflation = variance_inflation(values, 0.95)
    assert 10 < inflation < 30
    got, plain = dependent_quantile(values, 0.95, 0.95), quantile_interval(values, 0.95, 0.95)
    assert got.estimate == plain.estimate
    assert got.low is not None
    assert plain.low is not None
    assert got.high is not None
    assert plain.high is not None
    assert got.low < plain.low < plain.high < got.high
    assert got.needed == math.ceil(plain.needed * inflation)


def test_too_short_a_series_has_no_upper_bound() -> None:
    """298 values never show a p99 at 95%, and 299 that come in rows do not either; equal ones at 299 do."""
    rows = np.repeat(np.random.default_rng(1).exponential(1, 23), 13)
    assert dependent_quantile(rows, 0.99, 0.95).high is None
    assert dependent_quantile([1.0] * 298, 0.99, 0.95).high is None
    assert dependent_quantile([1.0] * 299, 0.99, 0.95).high == 1.0


def test_failed_requests_are_the_slowest() -> None:
    """Two in a hundred that never end leave no finite p99."""
    values = np.where(np.arange(5_000) % 50 == 0, np.inf, 0.01)
    got = dependent_quantile(values, 0.99, 0.95)
    assert (got.estimate, got.low, got.high) == (math.inf, math.inf, math.inf)


@pytest.mark.parametrize(("seconds", "runs"), [(2, 200), (10, 200), (60, 100)])
def test_false_passes_without_a_model_stay_rare(seconds: int, runs: int) -> None:
    """With the true p99 5% over the limit, at most 5% of runs pass by their values, within three standard errors."""
    random = np.random.default_rng(10)
    passed = 0
    for _ in range(runs):
        high = dependent_quantile(queue(random, int(RATE * seconds))[1], 0.99, 0.95).high
        passed += high is not None and high <= EXPONENTIAL_P99 / 1.05
    assert passed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
