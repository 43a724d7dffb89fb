"""From service times to replicas and money."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.core.errors import InputError, StageError
from tasks.core.settings import Business
from tasks.core.yaml_records import read_record
from tasks.cost.machines import HARDWARE, Hardware, machine
from tasks.cost.projection import HOURS_PER_MONTH, project_cost
from tasks.evidence import (
    BatchTimes,
    CapacityEvidence,
    Configuration,
    LatencyEvidence,
    Lateness,
    Loaded,
    LoadEvidence,
    LoadRun,
    Objective,
    PoissonArrivals,
    Raw,
    Replica,
)

RAW = Raw(path="x", sha256="0" * 64, rows=1)


def latency(**seconds: float) -> LatencyEvidence:
    """Return calls that all took the same time, by batch size."""
    return LatencyEvidence(
        target="cpu", threads=1, load_seconds=1, first_call_seconds=1, warmup_calls=1,
        batches=tuple(BatchTimes(batch=int(name[1:]), seconds=(value,) * 30) for name, value in seconds.items()),
        raw=RAW,
    )  # fmt: skip


def business(**changes: Any) -> Business:
    """Return 40 requests a second in the mean and 100 at the peak, half-full replicas, one spare."""
    values = {
        "mean_per_second": 40, "peak_per_second": 100, "machine": "c7a.large", "serving_batch": 1, "utilisation": 0.5,
        "spare_replicas": 1,
    }  # fmt: skip
    return Business.model_validate(values | changes)


def test_replicas_carry_the_peak_at_the_planned_utilisation() -> None:
    """100 a second at 50 ms are a load of 5, on half-full replicas 10, and one spare."""
    found = project_cost(latency(b1=0.0499), business(), "here")
    assert (found.replicas, found.replicas_high, found.spare_replicas) == (11, 11, 1)
    hourly = machine("c7a.large").usd_per_hour
    assert found.usd_per_month == pytest.approx(11 * hourly * HOURS_PER_MONTH)
    assert found.usd_per_thousand == pytest.approx(11 * hourly / (40 * 3.6))
    assert found.service_ms == pytest.approx(49.9)
    assert found.measured_on == "here"


def capacity(verified: float | None, low: float | None) -> CapacityEvidence:
    """Return a replica that was seen to sustain `verified` requests a second within 99% under half a second."""
    one = Configuration(batch_cap=1, longest_wait_seconds=0, threads=1, instances=1)
    return CapacityEvidence(
        objective=Objective(quantile=0.99, limit_seconds=0.5), peak_per_second=100, configuration=one,
        predicted_per_second=20, verified_per_second=verified, estimated_per_second=20, low_per_second=low,
        high_per_second=21, confidence=0.95, load_seconds=30, probed=(),
    )  # fmt: skip


def test_no_replica_is_planned_to_carry_more_than_it_sustained() -> None:
    """At 10 ms two half-full replicas would do by their work; of what sustains 8 a second, surely 7, it takes 13, at most 15."""
    found = project_cost(latency(b1=0.01), business(), "here", None, capacity(8, 7))
    assert (found.replicas, found.replicas_high, found.sustained_per_second) == (14, 16, 8)
    assert found.erlang_replicas == 2
    without = project_cost(latency(b1=0.01), business(), "here", None, capacity(None, 7))
    assert (without.replicas, without.sustained_per_second) == (3, None)
    assert project_cost(latency(b1=0.01), business(), "here", None, capacity(60, 55)).replicas == 3


def test_replicas_are_as_many_as_kept_to_the_plan_under_load() -> None:
    """By calls of 10 ms two half-full replicas would do; loaded, a request takes 23 ms, so it took five, at either end."""
    replica = Replica(largest_batch=1)
    run = LoadRun(
        engine="launchgate", engine_version="1", arrivals=PoissonArrivals(), rate=20, seconds=10, seed=1, replica=replica,
        requests=200, answered=200, failed=0, unfinished=0, answered_per_second=20, utilisation=0.46, mean_batch=1,
        lateness=Lateness(p50_seconds=0, p99_seconds=0, max_seconds=0), raw=RAW,
    )  # fmt: skip
    load = LoadEvidence(
        target="cpu", peak_per_second=100, carrying=5, share_per_second=20, replica=replica, arrivals=run.arrivals,
        runs=(Loaded(run=run, scheduled_seconds=(), response_seconds=()),),
    )  # fmt: skip
    found = project_cost(latency(b1=0.01), business(), "here", load)
    assert (found.replicas, found.replicas_high) == (6, 6)
    assert found.loaded_ms == pytest.approx(23)
    assert project_cost(latency(b1=0.05), business(), "here", load).replicas == 11
    assert project_cost(latency(b1=0.01), business(), "here").loaded_ms is None


def test_a_batch_shares_its_time() -> None:
    """Served eight at a time, a request costs an eighth of the batch's time."""
    found = project_cost(latency(b1=0.05, b8=0.08), business(serving_batch=8), "here")
    assert found.service_ms == pytest.approx(10)
    assert found.replicas == 3


def test_twice_the_traffic_costs_more_a_month_and_less_each() -> None:
    """The spare replica is shared by more requests."""
    one = project_cost(latency(b1=0.05), business(), "here")
    two = project_cost(latency(b1=0.05), business(mean_per_second=80, peak_per_second=200), "here")
    assert two.usd_per_month > one.usd_per_month
    assert two.usd_per_thousand < one.usd_per_thousand


def test_uncertain_times_cost_at_their_upper_end() -> None:
    """The high end is priced with the upper end of the mean's interval."""
    times = latency(b1=0.05).model_copy(update={"batches": (BatchTimes(batch=1, seconds=(0.01, 0.2, 0.01, 0.3) * 5),)})
    found = project_cost(times, business(), "here")
    assert found.service_ms_low < found.service_ms < found.service_ms_high
    assert found.usd_per_thousand_high > found.usd_per_thousand


@pytest.mark.parametrize(
    "times", [latency(b8=0.05), latency(b1=0.05).model_copy(update={"batches": (BatchTimes(batch=1, seconds=()),)})]
)
def test_a_batch_that_was_not_measured_has_no_price(times: LatencyEvidence) -> None:
    """Without times of the batch that is served there is no cost, rather than a cost of zero."""
    with pytest.raises(StageError, match="batch 1, in which the policy serves, has no measured service time"):
        project_cost(times, business(), "here")


def test_an_unknown_machine_lists_the_known_ones() -> None:
    """The file and its machines are named."""
    with pytest.raises(InputError, match=r"machine 'abacus' is not in .*hardware.yaml; known: c7a.large, "):
        machine("abacus")


def test_every_price_has_a_source_and_a_date() -> None:
    """A price without them could not be checked."""
    for item in read_record(HARDWARE, Hardware).machines.values():
        assert item.source
        assert item.as_of[:2] == "20"
