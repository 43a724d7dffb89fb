"""When requests arrive: seeded, at the asked mean rate, and as bursty as asked or as the log was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.settings import Business
from tasks.decision.policy import load_policy
from tasks.evidence import GammaArrivals, PoissonArrivals
from tasks.performance.load.arrivals import expected_arrivals, keep_times, scheduled, times_beside

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tasks.evidence import Arrivals

DAY_US = 86_400_000_000


def variation(times: NDArray[np.float64]) -> float:
    """Return the coefficient of variation of the gaps."""
    gaps = np.diff(times)
    return float(gaps.std() / gaps.mean())


@pytest.mark.parametrize(
    ("arrivals", "wanted"),
    [(PoissonArrivals(), 1.0), (GammaArrivals(variation=3), 3.0), (GammaArrivals(variation=0.2), 0.2)],
)
def test_gaps_have_the_asked_mean_and_variation(arrivals: Arrivals, wanted: float) -> None:
    """A hundred thousand arrivals at 500 a second, in order, within the time, and the same again with the same seed."""
    times = scheduled(arrivals, 500, 200, seed=7)
    assert len(times) == pytest.approx(100_000, rel=0.03)
    assert 0 < times[0] < times[-1] < 200
    assert (np.diff(times) >= 0).all()
    assert variation(times) == pytest.approx(wanted, rel=0.05)
    assert np.array_equal(times, scheduled(arrivals, 500, 200, seed=7))
    assert not np.array_equal(times[:50], scheduled(arrivals, 500, 200, seed=8)[:50])


def test_poisson_counts_vary_as_much_as_their_mean() -> None:
    """Which is what tells independent arrivals from even ones."""
    counts = np.histogram(scheduled(PoissonArrivals(), 100, 1000, seed=1), np.arange(1001))[0]
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.15)


def test_a_replay_keeps_the_shape_of_the_day_and_has_the_asked_rate(tmp_path: Path) -> None:
    """Nine requests in ten come in the first half of the logged day, and so they do in the replay, from any place in it."""
    random = np.random.default_rng(0)
    times = np.concatenate([random.integers(0, DAY_US // 2, 900), random.integers(DAY_US // 2, DAY_US, 100)])
    replay = keep_times(times, tmp_path / "times.npy")
    assert replay.sha256 == digest(tmp_path / "times.npy")
    due = scheduled(replay, 50, 20, seed=3)
    assert len(due) == 1000
    assert 0 <= due[0] < due[-1] < 20
    assert variation(due) == pytest.approx(variation(np.sort(times / 1e6)), rel=0.02)
    busiest = max(int((((due - start) % 20) < 10).sum()) for start in np.arange(0, 20, 0.05))
    assert busiest == pytest.approx(900, abs=15)
    assert len(scheduled(replay, 200, 20, seed=3)) == 4000  # the log goes round four times


def test_requests_within_one_tick_of_the_logs_clock_are_no_burst(tmp_path: Path) -> None:
    """A log in whole seconds has ten requests at each; replayed they come one by one."""
    times = np.repeat(np.arange(500) * 1_000_000, 10)
    due = scheduled(keep_times(times, tmp_path / "times.npy"), 100, 50, seed=0)
    assert len(np.unique(due)) == len(due) == 5000
    assert variation(due) < 1.2


@pytest.mark.parametrize("times", [[], [5], [5, 5, 5]])
def test_a_log_without_gaps_cannot_be_replayed(tmp_path: Path, times: list[int]) -> None:
    """It says nothing of when requests come."""
    with pytest.raises(StageError, match="no gap between them"):
        scheduled(keep_times(times, tmp_path / "times.npy"), 10, 1, seed=0)


def test_a_policy_says_how_requests_arrive(tmp_path: Path) -> None:
    """At random, in bursts, or as they came in the log, whose times lie beside its sample; without them it cannot be told."""
    business, rows = load_policy("standard").business, tmp_path / "production.parquet"
    assert expected_arrivals(business, rows) == PoissonArrivals()
    assert expected_arrivals(business.model_copy(update={"burstiness": 2.0}), rows) == GammaArrivals(variation=2)
    replay = business.model_copy(update={"arrivals": "replay"})
    with pytest.raises(StageError, match=r"there are none beside production\.parquet: a launch keeps them"):
        expected_arrivals(replay, rows)
    kept = keep_times([3, 1, 2], times_beside(rows))
    assert expected_arrivals(replay, rows) == kept
    with pytest.raises(ValueError, match="those on replay have the log's own: leave it out"):
        Business.model_validate(replay.model_dump() | {"burstiness": 2})
