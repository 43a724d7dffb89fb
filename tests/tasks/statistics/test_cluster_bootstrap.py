"""The bootstrap of ratios: what it covers, what clusters and weights do to it, and where it has nothing to draw anew."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.statistics import resample_ratio, resampled_interval


def test_clusters_that_differ_are_covered() -> None:
    """Of 200 samples of 28 days whose means differ, with weights, the interval misses the truth about as often as it may."""
    random = np.random.default_rng(3)
    missed = np.zeros(2)
    for trial in range(200):
        days = np.repeat(np.arange(28), 20)
        values = random.lognormal(1, 0.8, days.size) + random.normal(0, 2, 28)[days]
        weights = random.choice([1.0, 3.0], days.size)
        found = resampled_interval(
            resample_ratio(values, np.ones(days.size), weights, {"days": days}, seed=trial), 0.95
        )
        assert found is not None
        truth = np.exp(1 + 0.32)
        missed += (found.low > truth, found.high < truth)
    assert (missed / 200 < 0.10).all()


def test_single_rows_agree_with_students_interval() -> None:
    """Of many rows of a normal distribution the studentised bootstrap is the t interval."""
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = resampled_interval(resample_ratio(values, np.ones(400), np.ones(400)), 0.975)
    assert found is not None
    deviation = values.std(ddof=1) / 20
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.966 * deviation, abs=0.25 * deviation)
    assert found.high == pytest.approx(values.mean() + 1.966 * deviation, abs=0.25 * deviation)


def test_a_ratio_weighs_its_denominators() -> None:
    """Errors over tokens: long sequences count more, and so do rows of a higher weight."""
    found = resample_ratio([1, 0, 4], [2, 8, 10], [1, 1, 2])
    assert found.estimate == pytest.approx((1 + 0 + 8) / (2 + 8 + 20))


def test_what_does_not_vary_is_bounded_by_what_could_be_unseen() -> None:
    """Of 300 rows without any error, 1% may still have the largest one."""
    found = resampled_interval(resample_ratio(np.zeros(300), np.ones(300), np.ones(300), largest=40), 0.95)
    assert found is not None
    assert (found.estimate, found.low) == (0, pytest.approx(-found.high))
    assert found.high == pytest.approx(40 * (1 - 0.05 ** (1 / 300)))


def test_a_few_clusters_bound_nothing() -> None:
    """Four days say next to nothing of the fifth."""
    found = resample_ratio(np.arange(8.0), np.ones(8), np.ones(8), {"days": np.repeat(np.arange(4), 2)})
    assert found.clusters == 4
    assert resampled_interval(found, 0.95) is None


@pytest.mark.parametrize(
    "bad", [([], [], []), ([np.nan], [1], [1]), ([1.0], [0], [1]), ([1.0], [1], [0]), ([np.inf], [1], [1])]
)
def test_rows_without_a_meaning_are_refused(bad: tuple[list[float], list[float], list[float]]) -> None:
    """Nothing at all, NaN, infinity, and what would be divided by zero."""
    with pytest.raises(ValueError, match="rows: there must be one, each finite"):
        resample_ratio(*bad)


def test_days_and_users_together_widen_the_interval() -> None:
    """The one between which values differ more is drawn, and the standard error is that of both."""
    random = np.random.default_rng(6)
    days, users = random.integers(0, 30, 3000), random.integers(0, 40, 3000)
    values = 10 + random.normal(size=30)[days] + 2 * random.normal(size=40)[users] + random.normal(size=3000)
    by_day, by_user, both = (
        resample_ratio(values, np.ones(3000), np.ones(3000), groups)
        for groups in ({"days": days}, {"clusters": users}, {"days": days, "clusters": users})
    )
    assert (by_day.by, by_user.by, both.by, both.clusters) == ("days", "clusters", "clusters", 40)
    assert both.deviation == pytest.approx(np.hypot(by_day.deviation, by_user.deviation), rel=0.05)


def test_no_interval_is_narrower_than_by_students_distribution() -> None:
    """The resamples of ten clusters can't make them say more than ten normal values would."""
    for seed in range(20):
        values = np.random.default_rng(seed).normal(size=10)
        found = resample_ratio(values, np.ones(10), np.ones(10))
        bounds = resampled_interval(found, 0.95)
        assert bounds is not None
        assert bounds.high - bounds.estimate >= 1.833 * values.std(ddof=1) / np.sqrt(10) - 1e-9
