"""What a queue is planned to sustain: against formulas, and against servers that are simulated."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.queues import SERVICE, exponential

from tasks.core.errors import StageError
from tasks.core.records import Serving
from tasks.decision.policy import load_policy
from tasks.evidence import BatchTimes, LatencyEvidence, Objective, Raw
from tasks.performance.load.plan import (
    PLANNED,
    loaded_queue,
    most_rate,
    plan_replica,
    rates_and_quantile,
    replicas_to_try,
    sustained_rate,
    timed_queue,
)
from tasks.performance.load.setup import LoadSetup
from tasks.statistics import Services

if TYPE_CHECKING:
    from tasks.core.settings import Business

P99 = Objective(quantile=0.99, limit_seconds=0.1)
CAPACITY = 1 / SERVICE - math.log(100) / P99.limit_seconds  # of one server with exponential services, by formula
MEASURING = load_policy("selftest").measure
RAW = Raw(path="x", sha256="0" * 64, rows=1)


def business(**changes: Any) -> Business:
    """Return a peak of 100 requests a second, one at a time, on replicas that are busy for 60% of the time at most."""
    values = {
        "mean_per_second": 40,
        "peak_per_second": 100,
        "serving_batch": 1,
        "utilisation": 0.6,
        "most_instances": 1,
    }
    return load_policy("selftest").business.model_copy(update=values | changes)


def given(latency: dict[int, float], **changes: Any) -> LoadSetup:
    """Return a variant whose calls take so many seconds by batch size."""
    batches = tuple(BatchTimes(batch=size, seconds=(seconds,) * 50) for size, seconds in latency.items())
    found = LatencyEvidence(
        target="cpu", threads=1, load_seconds=1, first_call_seconds=1, warmup_calls=10, batches=batches, raw=RAW
    )  # fmt: skip
    serving = Serving.model_construct(target="cpu", threads=1)
    return LoadSetup(serving, Path("rows"), found, MEASURING, business(**changes), 3, Path("out"))


def services(seed: int = 1, count: int = 20_000) -> Services:
    """Return exponential services of one server."""
    return Services(np.random.default_rng(seed).exponential(SERVICE, count), 1, 1.0)


def test_the_rate_within_an_objective_is_that_of_theory() -> None:
    """Of exponential services the p99 is known, by simulation of their times as by a replay of those of a run."""
    simulated = timed_queue(given({1: SERVICE}), plan_replica(given({1: SERVICE}), (P99,)).replica, exponential())
    assert sustained_rate(simulated, 1 / SERVICE, (P99,), 1.0, 1.0) == pytest.approx(CAPACITY, rel=0.05)
    replayed = loaded_queue(services(), 1.0)
    assert sustained_rate(replayed, most_rate(services()), (P99,), 1.0, 1.0) == pytest.approx(CAPACITY, rel=0.05)


def test_every_objective_is_kept_and_the_plans_utilisation() -> None:
    """A median of 5 ms holds at a lower rate than p99; without a wait a half-full server is the most that is planned."""
    replayed, top = loaded_queue(services(), 1.0), most_rate(services())
    median = Objective(quantile=0.5, limit_seconds=0.005)
    both = sustained_rate(replayed, top, (P99, median), 1.0, 1.0)
    assert both == pytest.approx(1 / SERVICE - math.log(2) / 0.005, rel=0.1)
    assert sustained_rate(replayed, top, (P99,), 1.0, 0.5) == pytest.approx(0.5 * top)
    assert sustained_rate(replayed, top, (Objective(quantile=0.5, limit_seconds=0.001),), 1.0, 1.0) == 0


def test_the_curve_rises_to_nearly_all_that_is_served() -> None:
    """At half of the rate the p99 is that of theory."""
    curve = rates_and_quantile(loaded_queue(services(), 1.0), most_rate(services()), 0.99)
    rates, seconds = zip(*curve, strict=True)
    assert list(seconds) == sorted(seconds)
    assert np.interp(0.5 / SERVICE, rates, seconds) == pytest.approx(math.log(100) * SERVICE / 0.5, rel=0.1)


def test_replicas_are_planned_by_the_tightest_of_work_and_latency() -> None:
    """Calls of 10 ms keep 1.7 replicas at 60% busy; with p99 of 20 ms each carries less, and of 5 ms none carries any."""
    plan = plan_replica(given({1: 0.01}), (P99,))
    assert plan.rate == pytest.approx(60)
    assert plan.carrying(business()) == 2
    tight = plan_replica(given({1: 0.01}), (Objective(quantile=0.99, limit_seconds=0.02),))
    assert 0 < tight.rate < 30
    hopeless = plan_replica(given({1: 0.01}), (Objective(quantile=0.99, limit_seconds=0.01 / PLANNED / 1.1),))
    assert (hopeless.rate, hopeless.carrying(business())) == (0, math.inf)


def test_batches_are_formed_where_that_takes_fewer_replicas_and_the_policy_serves_them() -> None:
    """Eight in 20 ms are 400 a second, one by one 100; no batch is larger than the policy's."""
    times = {1: 0.01, 4: 0.014, 8: 0.02}
    assert plan_replica(given(times, serving_batch=8), (P99,)).replica.largest_batch in (4, 8)
    assert plan_replica(given(times), (P99,)).replica.largest_batch == 1
    with pytest.raises(StageError, match="batch 2, in which the policy serves, has no measured service time"):
        plan_replica(given(times, serving_batch=2), (P99,))


def test_services_under_load_say_how_many_replicas_to_try() -> None:
    """200 a second at 5 ms are planned by latency and work; a run that shows no services says nothing."""
    asked = business(peak_per_second=200.0)
    wanted = replicas_to_try(services(), 1.0, asked, (P99,))
    rate = min(0.6 / SERVICE, 1 / SERVICE - math.log(100) / (PLANNED * P99.limit_seconds))
    assert wanted == math.ceil(200 / rate)
    assert replicas_to_try(None, 1.0, asked, (P99,)) == 1
