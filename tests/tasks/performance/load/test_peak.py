"""A replica under its share of the peak: how much load that is, and for how long it is offered."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.cost.replicas import carrying_replicas
from tasks.decision.policy import load_policy
from tasks.evidence import BatchTimes, GammaArrivals, LatencyEvidence, LoadEvidence, Raw
from tasks.performance.load.arrivals import keep_times, times_beside
from tasks.performance.load.peak import MOST_CROWDED, measure_load
from tasks.performance.load.setup import LoadSetup
from tasks.statistics import LOOKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Business, Measuring
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process

LONG_MS = 100_000.0  # no machine that runs tests is too late to tell
BUSINESS = load_policy("selftest").business.model_copy(update={"peak_per_second": 120.0})


def timed(milliseconds: float, batch: int = 1) -> LatencyEvidence:
    """Return service times of one batch size, all alike."""
    times = BatchTimes(batch=batch, seconds=(milliseconds / 1000,) * 50)
    raw = Raw(path="variants/fp32/latency.parquet", sha256="0" * 64, rows=50)
    return LatencyEvidence(
        target="cpu", threads=1, load_seconds=1, first_call_seconds=1, warmup_calls=10, batches=(times,), raw=raw
    )  # fmt: skip


@pytest.fixture
def loaded(served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path) -> Callable[..., LoadEvidence]:
    """Return a function that loads the tiny candidate for a second a run, its service taken to be so long."""

    def load(
        budget_ms: dict[float, float],
        business: Business = BUSINESS,
        batch: int = 1,
        rows: Path = sets.production,
        milliseconds: float = 10,
    ) -> LoadEvidence:
        short = measuring.model_copy(update={"load_seconds": 1})
        out = tmp_path / "variants" / "fp32"
        given = LoadSetup(served, rows, timed(milliseconds, batch), short, business, business.serving_batch, out)
        return measure_load(given, budget_ms, 0.95)

    return load


def test_a_replica_gets_its_share_of_the_peak(loaded: Callable[..., LoadEvidence], tmp_path: Path) -> None:
    """120 a second at 10 ms keep 1.2 replicas busy, 2 at 60% use: 60 a second each; one look tells of a median."""
    found = loaded({0.5: LONG_MS})
    assert (found.carrying, found.share_per_second, len(found.runs)) == (2, 60, 1)
    (only,) = found.runs
    kept = pd.read_parquet(tmp_path / only.run.raw.path)
    assert only.run.rate == 60
    assert found.requests == len(found.scheduled) == len(found.responses) == len(kept)
    assert np.allclose(found.responses, kept["completed"] - kept["scheduled"])
    assert (found.lost, found.servers, found.gamma_shape) == (0, 1, 1)


def test_a_run_goes_on_with_fresh_arrivals_until_it_can_tell(loaded: Callable[..., LoadEvidence]) -> None:
    """60 requests say nothing of one in a thousand, nor do three times as many: then it ends."""
    found = loaded({0.5: LONG_MS, 0.999: LONG_MS})
    assert len(found.runs) == LOOKS
    assert len({each.scheduled_seconds for each in found.runs}) == LOOKS
    assert found.requests == sum(len(each.response_seconds) for each in found.runs)
    assert list(found.scheduled) == sorted(found.scheduled)
    assert found.scheduled[-1] > LOOKS - 1


def test_a_replica_that_is_far_too_slow_is_not_asked_again(loaded: Callable[..., LoadEvidence]) -> None:
    """No answer comes within a microsecond, which one look tells."""
    assert len(loaded({0.5: 0.001, 0.999: LONG_MS}).runs) == 1


def test_bursts_are_asked_for_by_the_policy(loaded: Callable[..., LoadEvidence]) -> None:
    """Gaps with a coefficient of variation of 2 follow a gamma distribution of shape 1/4."""
    found = loaded({0.5: LONG_MS}, BUSINESS.model_copy(update={"burstiness": 2.0}))
    assert found.arrivals == GammaArrivals(variation=2)
    assert found.gamma_shape == 0.25


def test_the_logs_own_times_are_replayed_where_the_policy_says_so(
    loaded: Callable[..., LoadEvidence], sets: DataSets, tmp_path: Path
) -> None:
    """Ten requests at once, then none for a while: so they come, whatever the rate that they are drawn together to."""
    copy = tmp_path / sets.production.name
    shutil.copy(sets.production, copy)
    keep_times(np.repeat(np.arange(1_000), 10) * 1_000_000 + np.tile(np.arange(10), 1_000) * 1_000, times_beside(copy))
    found = loaded({0.5: LONG_MS}, BUSINESS.model_copy(update={"arrivals": "replay"}), rows=copy)
    assert found.arrivals.process == "replay"
    assert found.gamma_shape is None
    gaps = np.diff(found.scheduled)
    assert np.quantile(gaps, 0.75) < gaps.mean() / 10
    assert found.requests == 60


def test_a_replica_that_is_too_busy_under_load_shares_the_peak_with_more(loaded: Callable[..., LoadEvidence]) -> None:
    """Timed at 0.01 ms, one replica was to be busy for 0.1% of the time; it is for over the 5% of the plan, so more share the peak."""
    business = BUSINESS.model_copy(update={"utilisation": 0.05})
    found = loaded({0.5: LONG_MS}, business, milliseconds=0.01)
    first = found.crowded[0]
    assert first.rate == 120
    assert first.utilisation is not None
    assert first.busy_seconds == pytest.approx(first.utilisation / first.answered_per_second)
    assert found.carrying > 1
    assert found.share_per_second == pytest.approx(120 / found.carrying)
    assert {each.run.rate for each in found.runs} == {found.share_per_second}
    seeds = [run.seed for run in found.crowded] + [each.run.seed for each in found.runs]
    assert len(set(seeds)) == len(seeds)
    if len(found.crowded) < MOST_CROWDED:
        assert found.busy_seconds is not None
        assert carrying_replicas(found.busy_seconds, business) <= found.carrying


def test_a_batch_that_was_not_timed_has_no_share(loaded: Callable[..., LoadEvidence]) -> None:
    """Without a service time nobody knows how many replicas there will be."""
    with pytest.raises(StageError, match="batch 1, in which the policy serves, has no measured service time"):
        loaded({0.5: LONG_MS}, batch=8)
