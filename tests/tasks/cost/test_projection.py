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


def load(busy_seconds: float, carrying: int, instances: int = 1) -> LoadEvidence:
    """Return a replica under its share of 100 requests a second, each of which kept an instance busy for so long."""
    replica, rate = Replica(largest_batch=1, instances=instances), 100 / carrying
    run = LoadRun(
        engine="launchgate", engine_version="1", arrivals=PoissonArrivals(), rate=rate, seconds=10, seed=1, replica=replica,
        requests=200, answered=200, failed=0, unfinished=0, answered_per_second=rate, mean_batch=1,
        utilisation=busy_seconds * rate / instances, lateness=Lateness(p50_seconds=0, p99_seconds=0, max_seconds=0), raw=RAW,
    )  # fmt: skip
    return LoadEvidence(
        target="cpu", peak_per_second=100, carrying=carrying, share_per_second=rate, replica=replica, arrivals=run.arrivals,
        objectives=(Objective(quantile=0.99, limit_seconds=0.5),), sustained_per_second=30,
        runs=(Loaded(run=run, scheduled_seconds=(), response_seconds=()),),
    )  # fmt: skip


def test_no_replica_is_planned_to_carry_more_than_it_was_loaded_with() -> None:
    """At 10 ms two half-full replicas would do by their work; the budget took eight, and as many a second for twice the peak."""
    found = project_cost(latency(b1=0.01), business(), "here", load(0.01, 8))
    assert (found.replicas, found.replicas_high, found.sustained_per_second) == (9, 9, 30)
    assert found.erlang_replicas == 2
    assert project_cost(latency(b1=0.01), business(peak_per_second=200), "here", load(0.01, 8)).replicas == 17
    without = project_cost(latency(b1=0.01), business(), "here")
    assert (without.replicas, without.sustained_per_second, without.erlang_replicas) == (3, None, None)


def test_replicas_keep_to_the_planned_utilisation_by_their_work_under_load() -> None:
    """By calls of 10 ms two half-full replicas would do; loaded, a request takes 23 ms, which is five; of two sessions, three."""
    found = project_cost(latency(b1=0.01), business(), "here", load(0.023, 3))
    assert (found.replicas, found.replicas_high) == (6, 6)
    assert found.loaded_ms == pytest.approx(23)
    assert project_cost(latency(b1=0.01), business(), "here", load(0.023, 3, instances=2)).replicas == 4
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
