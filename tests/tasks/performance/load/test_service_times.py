"""Service times by batch size, from measured ones."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.performance.load.service_times import fit_service_times


def test_between_measured_sizes_each_level_is_interpolated() -> None:
    """Batch 3 lies half way between 2 and 4, in its tail as in its middle; below the smallest, its times stand."""
    found = fit_service_times({2: (1.0, 2.0), 4: (3.0, 8.0)})
    assert found.largest == 4
    assert [tuple(np.unique(found.table[size])) for size in (1, 2, 3, 4)] == [(1, 2), (1, 2), (2, 5), (3, 8)]


def test_the_tail_is_kept_in_its_share() -> None:
    """One slow call in a hundred stays one in a hundred, also beside a size that was timed less often."""
    found = fit_service_times({1: (*[0.01] * 99, 0.5), 2: (0.02,) * 7})
    assert np.mean(found.table[1] == 0.5) == pytest.approx(0.01)


def test_each_size_is_drawn_from_its_own_times() -> None:
    """A stall is drawn as often as it was seen."""
    sizes = fit_service_times({1: (0.01,), 2: (0.02,)}).draw(np.array([1, 2]), np.random.default_rng(1))
    assert list(sizes) == [0.01, 0.02]
    drawn = fit_service_times({1: (*[0.01] * 9, 0.5)}).draw(np.ones(2_000, np.intp), np.random.default_rng(1))
    assert np.mean(drawn > 0.1) == pytest.approx(0.1, abs=0.03)


def test_the_highest_rate_is_that_of_the_best_batch() -> None:
    """Batches of four in 20 ms are 200 a second, more than single requests in 10 ms, and two sessions serve twice that."""
    found = fit_service_times({1: (0.01,), 4: (0.02,)})
    assert found.highest_rate(4, 2) == pytest.approx(400)
    assert found.highest_rate(1, 1) == pytest.approx(100)


@pytest.mark.parametrize("times", [(), (0.0, 1.0), (float("inf"),), (float("nan"),)])
def test_times_that_are_none_are_refused(times: tuple[float, ...]) -> None:
    """A batch without a time is not free."""
    with pytest.raises(ValueError, match="the times of batch 1 must be some, finite and above 0"):
        fit_service_times({1: times})


def test_no_size_is_refused() -> None:
    """There is nothing to draw from."""
    with pytest.raises(ValueError, match="at least one is needed"):
        fit_service_times({})
