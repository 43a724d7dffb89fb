"""The capacity of a served variant: its service times, a replica's configurations, and real load around the best of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.errors import StageError
from tasks.core.worker import run_worker
from tasks.evidence import Configuration, Replica
from tasks.performance.capacity.search import Effort, find_capacity
from tasks.performance.capacity.service_times import fit_service_times
from tasks.performance.latency.request import LatencyRequest, LatencyResponse
from tasks.performance.load.arrivals import scheduled
from tasks.performance.load.load_test import LoadTest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tasks.evidence import CapacityEvidence, Objective
    from tasks.performance.capacity.service_times import ServiceTimes
    from tasks.performance.load.setup import LoadSetup

CAPS = (1, 2, 4, 8, 16, 32)  # larger ones gain little a request, and every request waits for all of its batch
LARGEST_SHARE = 0.5  # of the limit, for a batch alone: a request may meet one that has just begun
WAITS = (0.0, 0.05)  # of the limit, for a batch to fill
CALLS = 100  # of each batch size, with all instances at work
CALL_SECONDS = 1.0  # same
ENOUGH = 1.25  # times the whole peak: more would spare no replica
# Minutes are dear in a launch, and what is asked is a share: steps are large, so that a disturbed machine finds a rate too.
EFFORT: dict[str, Any] = {"search_runs": 6, "verify_runs": 5, "verifications": 4, "step_down": 0.1}
SEED_APART = 100_000  # from the arrivals of any other run on the same variant
MS = 1000


def measure_capacity(given: LoadSetup, objective: Objective, confidence: float) -> CapacityEvidence:
    """Return the highest rate, up to a quarter over the peak, that a replica sustains, in the configuration that promises most.

    Configurations are batch caps and waits, with one instance of the policy's threads, or with `most_instances` that share
    them out. Service times with one instance are those that the variant had alone. Raises StageError where the generator
    was too late to tell, or the server crashed or hung.
    """
    given = replace(given, seed=given.seed + SEED_APART)
    arrivals, peak = given.arrivals(), given.business.peak_per_second

    def schedule(rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
        return scheduled(arrivals, rate, seconds, seed)

    with LoadTest(given.opening(), arrivals, MS * objective.limit_seconds) as test:

        def probe(configuration: Configuration, rate: float, seed: int, seconds: float) -> NDArray[np.float64]:
            return test.probe(_replica(configuration), rate, seed, seconds)

        found = find_capacity(
            probe,
            schedule,
            _services(given, objective),
            objective,
            Effort(run_seconds=given.measuring.capacity_seconds, **EFFORT),
            peak_per_second=peak,
            seed=given.seed,
            confidence=confidence,
            enough_per_second=ENOUGH * peak,
        )
    return found.model_copy(update={"raw": tuple(run.raw for run in test.runs)})


def _services(given: LoadSetup, objective: Objective) -> Iterator[tuple[Configuration, ServiceTimes]]:
    """Yield the configurations to choose from, each with the times of its batches while all of its instances are at work.

    Those with one instance come first: they were timed before, and others are timed only where these don't carry enough.
    """
    alone = {times.batch: times.seconds for times in given.latency.batches if times.seconds}
    caps = _caps(alone, objective)
    for instances in dict.fromkeys((1, given.business.most_instances)):
        threads = max(1, given.serving.threads // instances) if given.serving.threads else 0
        times = alone if instances == 1 else _times_beside(given, threads, caps, instances)
        for cap in caps:
            service = fit_service_times({size: times[size] for size in caps if size <= cap})
            for wait in WAITS if cap > 1 else (0.0,):
                yield (
                    Configuration(
                        batch_cap=cap,
                        longest_wait_seconds=wait * objective.limit_seconds,
                        threads=threads,
                        instances=instances,
                    ),
                    service,
                )


def _caps(alone: Mapping[int, Sequence[float]], objective: Objective) -> list[int]:
    """Return the batch sizes to choose from: powers of two that were timed and take at most half of the limit alone."""
    most = LARGEST_SHARE * objective.limit_seconds
    found = [size for size in sorted(alone) if size in CAPS and float(np.median(alone[size])) <= most]
    return found or sorted(alone)[:1]


def _times_beside(given: LoadSetup, threads: int, caps: Sequence[int], instances: int) -> dict[int, tuple[float, ...]]:
    """Return the seconds of each batch size of as many processes as there are instances, all timed at once."""
    requests = [
        LatencyRequest(
            serving=given.serving.model_copy(update={"threads": threads}),
            rows=given.rows,
            batches=tuple(caps),
            calls=dict.fromkeys(caps, CALLS),
            seconds=dict.fromkeys(caps, CALL_SECONDS),
            seed=given.seed + number,
        )
        for number in range(instances)
    ]
    timeout_seconds = given.measuring.stage_timeout_seconds
    with ThreadPoolExecutor(instances) as pool:
        asked = [
            pool.submit(run_worker, "tasks.performance.latency", each, LatencyResponse, timeout_seconds)
            for each in requests
        ]
        found = [each.result() for each in asked]
    times: dict[int, tuple[float, ...]] = dict.fromkeys(caps, ())
    for response in found:
        for each in response.batches:
            times[each.batch] += each.seconds
    unanswered = [size for size in caps if not times[size]]
    if unanswered:
        raise StageError(f"no call of batch {unanswered[0]} was answered with {instances} instances at work at once")
    return times


def _replica(one: Configuration) -> Replica:
    """Return the replica: its instances share one adapter and its sessions, as the threads of a service do."""
    return Replica(
        largest_batch=one.batch_cap,
        longest_wait_ms=MS * one.longest_wait_seconds,
        instances=one.instances,
        threads=one.threads,
    )
