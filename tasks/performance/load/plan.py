"""How a replica is to serve, and the rate that it then sustains: queues simulated from service times."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import StageError
from tasks.core.worker import run_worker
from tasks.evidence import Replica
from tasks.performance.latency.request import LatencyRequest, LatencyResponse
from tasks.performance.load.arrivals import scheduled
from tasks.performance.load.service_times import ServiceTimes, fit_service_times
from tasks.performance.load.simulate import simulate
from tasks.statistics import MOST_BUSY, Arrivals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tasks.core.settings import Business
    from tasks.evidence import Objective
    from tasks.performance.load.setup import LoadSetup
    from tasks.statistics import Services

    Responses = Callable[[float], NDArray[np.float64]]  # response times in seconds of a queue at a rate; NaN is none

PLANNED = 0.65  # of a limit: a run that keeps that is told to keep the limit nearly always (benchmarks/slo_verdict.py)
WAITS = (0.0, 0.05)  # of the limit, for a batch to fill
CALLS = 100  # of each batch size, with all instances at work
CALL_SECONDS = 1.0  # same
LANES, REQUESTS, SETTLING = 16, 4_000, 1_000  # of a simulated queue, the first ones of which fill it up
LOWEST = 0.01  # of the rate at which no server ever waits: a queue that is too slow then is so for its services alone
HALVINGS = 10
FULLNESS = (*np.linspace(0.02, 0.8, 14), 0.84, 0.88, 0.91, 0.94, 0.96, 0.98)  # of the same rate, to draw
MS = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """How a replica serves, its service times alone, and the requests a second that it is planned to carry, at most."""

    replica: Replica
    service: ServiceTimes
    rate: float

    def carrying(self, business: Business) -> float:
        """Return how many replicas carry the peak; infinite where none is within the objectives at any rate."""
        return math.ceil(business.peak_per_second / self.rate - 1e-9) if self.rate else math.inf


def plan_replica(given: LoadSetup, objectives: Sequence[Objective]) -> Plan:
    """Return the way to serve of which the fewest replicas carry the peak; among equals the simplest.

    A replica answers in batches of up to the policy's `serving_batch`, which wait to fill or don't, with one session of the
    policy's threads, or with `most_instances` that share them out. Others are timed only where one session doesn't do.
    Raises StageError where the serving batch was not timed.
    """
    best: Plan | None = None
    for replica, service in _ways(given, objectives):
        responses = timed_queue(given, replica, service)
        top = service.highest_rate(replica.largest_batch, replica.instances)
        rate = sustained_rate(responses, top, objectives, PLANNED, given.business.utilisation)
        plan = Plan(replica, service, rate)
        if best is None or plan.carrying(given.business) < best.carrying(given.business):
            best = plan
        if best.carrying(given.business) == 1:
            break
    if best is None:
        raise StageError("there is no way to serve that was timed")
    return best


def sustained_rate(
    responses: Responses, top: float, objectives: Sequence[Objective], share: float, utilisation: float
) -> float:
    """Return the highest rate at which every quantile of a queue is within `share` of its limit, 0 where none is.

    `top` is the rate at which no server ever waits, of which at most `utilisation` is used.
    """

    def holds(rate: float) -> bool:
        seen = responses(rate)
        over = ((seen > share * each.limit_seconds).sum() / np.isfinite(seen).sum() for each in objectives)
        return all(part <= 1 - each.quantile for part, each in zip(over, objectives, strict=True))

    low, high = LOWEST * top, utilisation * top
    if not holds(low):
        return 0.0
    if holds(high):
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def timed_queue(given: LoadSetup, replica: Replica, service: ServiceTimes) -> Responses:
    """Return what a replica with these service times answers at a rate, by simulation, once its queue has filled up."""
    arrivals = given.arrivals()

    def responses(rate: float) -> NDArray[np.float64]:
        lanes = [scheduled(arrivals, rate, REQUESTS / rate, given.seed + lane) for lane in range(LANES)]
        longest = max(lane.size for lane in lanes)
        times = np.array([np.pad(lane, (0, longest - lane.size), constant_values=np.inf) for lane in lanes])
        return simulate(times, service, replica, given.seed)[:, SETTLING:]

    return responses


def loaded_queue(services: Services, shape: float) -> Responses:
    """Return what the services of a run under load answer at other rates, with gaps of this shape."""
    return lambda rate: services.replay(Arrivals(rate, shape))


def rates_and_quantile(responses: Responses, top: float, quantile: float) -> tuple[tuple[float, float], ...]:
    """Return (requests a second, the quantile of responses in seconds) from next to no load to nearly all of `top`."""
    found = [(rate, float(np.nanquantile(responses(rate), quantile))) for rate in (top * share for share in FULLNESS)]
    return tuple((rate, seconds) for rate, seconds in found if math.isfinite(seconds))


def most_rate(services: Services) -> float:
    """Return the rate at which the servers of a run never wait."""
    return services.servers / float(services.seconds.mean())


def replicas_to_try(
    services: Services | None, shape: float | None, business: Business, objectives: Sequence[Objective]
) -> int:
    """Return how many replicas are planned to carry the peak by the services that a run showed; 1 where it shows none."""
    if services is None or shape is None:
        return 1
    responses = loaded_queue(services, shape)
    used = min(business.utilisation, MOST_BUSY)
    rate = sustained_rate(responses, most_rate(services), objectives, PLANNED, used)
    return math.ceil(business.peak_per_second / rate - 1e-9) if rate else 1


def _ways(given: LoadSetup, objectives: Sequence[Objective]) -> Iterator[tuple[Replica, ServiceTimes]]:
    """Yield ways to serve, the simplest first, each with the times of its batches while all of its instances are at work."""
    serving, business = given.serving, given.business
    alone = {each.batch: each.seconds for each in given.latency.batches if each.seconds}
    if business.serving_batch not in alone:
        raise StageError(f"batch {business.serving_batch}, in which the policy serves, has no measured service time")
    caps = [size for size in sorted(alone) if size <= business.serving_batch]
    wait_ms = MS * min(each.limit_seconds for each in objectives)
    for instances in dict.fromkeys((1, business.most_instances)):
        threads = max(1, serving.threads // instances) if serving.threads else 0
        times = alone if instances == 1 else _times_beside(given, threads, caps, instances)
        for cap in caps:
            service = fit_service_times({size: times[size] for size in caps if size <= cap})
            for wait in WAITS if cap > 1 else (0.0,):
                yield (
                    Replica(largest_batch=cap, longest_wait_ms=wait * wait_ms, instances=instances, threads=threads),
                    service,
                )


def _times_beside(
    given: LoadSetup, threads: int, caps: Sequence[int], instances: int
) -> Mapping[int, tuple[float, ...]]:
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
