"""A replica under its share of the peak: how much load that is, for how long it is offered, and over how many it is spread."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.decision.policy import load_policy
from tasks.evidence import BatchTimes, GammaArrivals, LatencyEvidence, LoadEvidence, LoadRun, Objective, Raw
from tasks.performance.load.arrivals import keep_times, times_beside
from tasks.performance.load.looks import LOOKS
from tasks.performance.load.peak import measure_load
from tasks.performance.load.setup import LoadSetup
from tasks.statistics import requests_to_look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Business, Measuring
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process

MEDIAN = Objective(quantile=0.5, limit_seconds=100)  # no machine that runs tests is too late to tell
BUSINESS = load_policy("selftest").business.model_copy(update={"peak_per_second": 120.0, "most_instances": 1})


def timed(milliseconds: float, batch: int = 1) -> LatencyEvidence:
    """Return service times of one batch size, all alike."""
    times = BatchTimes(batch=batch, seconds=(milliseconds / 1000,) * 50)
    raw = Raw(path="variants/fp32/latency.parquet", sha256="0" * 64, rows=50)
    return LatencyEvidence(
        target="cpu", threads=1, load_seconds=1, first_call_seconds=1, warmup_calls=10, batches=(times,), raw=raw
    )  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take no run to be disturbed by the tests beside it."""
    monkeypatch.setattr(LoadRun, "disturbed", property(lambda _: False))


@pytest.fixture
def loaded(served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path) -> Callable[..., LoadEvidence]:
    """Return a function that loads the tiny candidate for three seconds a run at most, its service taken to be so long."""

    def load(
        *objectives: Objective,
        business: Business = BUSINESS,
        batch: int = 1,
        rows: Path = sets.production,
        milliseconds: float = 10,
        max_replicas: int = 6,
    ) -> LoadEvidence:
        short = measuring.model_copy(update={"load_seconds": 3})
        out = tmp_path / "variants" / "fp32"
        given = LoadSetup(served, rows, timed(milliseconds, batch), short, business, business.serving_batch, out)
        return measure_load(given, objectives or (MEDIAN,), 0.95, max_replicas)

    return load


def test_a_replica_gets_its_share_of_the_peak(loaded: Callable[..., LoadEvidence], tmp_path: Path) -> None:
    """120 a second at 10 ms keep 1.2 replicas busy, 2 at 60% use: 60 a second each; one look tells of a median."""
    found = loaded()
    assert (found.carrying, found.share_per_second, len(found.runs), found.looks) == (2, 60, 1, 1)
    assert found.pilot is not None
    assert found.pilot.rate == 60
    (only,) = found.runs
    kept = pd.read_parquet(tmp_path / only.run.raw.path)
    assert only.run.rate == 60
    assert found.requests == len(found.scheduled) == len(found.responses) == len(kept)
    assert np.allclose(found.responses, kept["completed"] - kept["scheduled"])
    assert (found.lost, found.servers, found.gamma_shape) == (0, 1, 1)
    assert found.sustained_per_second is not None
    assert found.sustained_per_second > 60
    rates, seconds = zip(*found.curve, strict=True)
    assert list(rates) == sorted(rates)
    assert seconds[-1] > seconds[0] > 0


def test_a_load_that_cannot_tell_goes_on_once_and_then_over_more_replicas(loaded: Callable[..., LoadEvidence]) -> None:
    """60 requests say nothing of one in a thousand; with the seconds of the policy no number of replicas does."""
    found = loaded(MEDIAN, MEDIAN.model_copy(update={"quantile": 0.999}), max_replicas=3)
    assert (found.carrying, len(found.runs)) == (3, LOOKS)
    assert {each.run.rate for each in found.runs} == {40}
    assert [run.rate for run in found.crowded] == [60]
    assert found.looks == 3
    assert found.pilot is not None
    seeds = [found.pilot.seed, *(run.seed for run in found.crowded), *(each.run.seed for each in found.runs)]
    assert len(set(seeds)) == len(seeds)
    assert list(found.scheduled) == sorted(found.scheduled)
    assert found.scheduled[-1] > LOOKS - 1


def test_a_look_lasts_for_the_requests_that_a_percentile_takes(loaded: Callable[..., LoadEvidence]) -> None:
    """A median takes 120, and some more since chance may send fewer, which come in less than the seconds of the policy."""
    found = loaded(business=BUSINESS.model_copy(update={"peak_per_second": 300.0}), milliseconds=0.1)
    assert found.runs[0].run.seconds == pytest.approx((120 + 4 * 120**0.5) / 300)
    assert found.requests >= requests_to_look(0.5)


def test_a_replica_that_is_far_too_slow_is_tried_as_often_as_is_allowed(loaded: Callable[..., LoadEvidence]) -> None:
    """No answer comes within a microsecond: nothing could be planned to keep that, and one look at the most replicas tells."""
    found = loaded(
        Objective(quantile=0.5, limit_seconds=1e-6), MEDIAN.model_copy(update={"quantile": 0.9}), max_replicas=4
    )
    assert (found.carrying, len(found.runs), found.crowded) == (4, 1, ())
    assert found.sustained_per_second == 0


def test_bursts_are_asked_for_by_the_policy(loaded: Callable[..., LoadEvidence]) -> None:
    """Gaps with a coefficient of variation of 2 follow a gamma distribution of shape 1/4."""
    found = loaded(business=BUSINESS.model_copy(update={"burstiness": 2.0}))
    assert found.arrivals == GammaArrivals(variation=2)
    assert found.gamma_shape == 0.25


def test_the_logs_own_times_are_replayed_where_the_policy_says_so(
    loaded: Callable[..., LoadEvidence], sets: DataSets, tmp_path: Path
) -> None:
    """Ten requests at once, then none for a while: so they come, whatever the rate that they are drawn together to."""
    copy = tmp_path / sets.production.name
    shutil.copy(sets.production, copy)
    keep_times(np.repeat(np.arange(1_000), 10) * 1_000_000 + np.tile(np.arange(10), 1_000) * 1_000, times_beside(copy))
    found = loaded(business=BUSINESS.model_copy(update={"arrivals": "replay"}), rows=copy)
    assert found.arrivals.process == "replay"
    assert found.gamma_shape is None
    gaps = np.diff(found.runs[0].scheduled_seconds)
    assert np.quantile(gaps, 0.75) < gaps.mean() / 10


def test_a_replica_that_is_too_busy_under_load_shares_the_peak_with_more(loaded: Callable[..., LoadEvidence]) -> None:
    """Timed at 0.01 ms, one replica was to be busy for 0.1% of the time; a short run shows over the 2% of the plan."""
    business = BUSINESS.model_copy(update={"utilisation": 0.02})
    found = loaded(business=business, milliseconds=0.01)
    assert found.pilot is not None
    assert found.pilot.rate == 120
    assert found.pilot.utilisation is not None
    assert found.pilot.utilisation > 0.02
    assert found.carrying > 1
    assert found.share_per_second == pytest.approx(120 / found.carrying)
    assert {each.run.rate for each in found.runs} == {found.share_per_second}


def test_a_look_that_says_no_on_a_disturbed_machine_is_taken_anew_once(
    loaded: Callable[..., LoadEvidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded, and counts as a look; one that passes is not repeated."""
    monkeypatch.setattr(LoadRun, "disturbed", property(lambda _: True))
    monkeypatch.setattr("tasks.performance.load.peak.QUIET_SECONDS", 0)
    found = loaded(
        Objective(quantile=0.5, limit_seconds=1e-6), MEDIAN.model_copy(update={"quantile": 0.9}), max_replicas=1
    )
    assert (len(found.disturbed), len(found.runs), found.looks) == (1, 1, 2)
    assert found.disturbed[0].other_load is not None
    assert 0 <= found.disturbed[0].other_load <= 1
    assert loaded().disturbed == ()


def test_a_batch_that_was_not_timed_has_no_share(loaded: Callable[..., LoadEvidence]) -> None:
    """Without a service time nobody knows how many replicas there will be."""
    with pytest.raises(StageError, match="batch 1, in which the policy serves, has no measured service time"):
        loaded(batch=8)
