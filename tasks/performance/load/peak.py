"""How many replicas carry the forecast peak within the latency budget: planned by simulation, verified under load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.cost.replicas import carrying_replicas
from tasks.evidence import Loaded, LoadEvidence
from tasks.performance.latency.noise import wait_for_quiet
from tasks.performance.load.load_test import LoadTest
from tasks.performance.load.looks import LOOKS, SEEDS, may_tell, seconds_to_look, verdict_so_far, with_requests
from tasks.performance.load.plan import (
    loaded_queue,
    most_rate,
    plan_replica,
    rates_and_quantile,
    replicas_to_try,
    sustained_rate,
    timed_queue,
)
from tasks.performance.load.run import Offer
from tasks.statistics import services_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.core.settings import Business
    from tasks.evidence import Objective
    from tasks.performance.load.plan import Plan
    from tasks.performance.load.setup import LoadSetup

PILOT = 600  # requests under load, which tell a mean service and more of them than calls alone do
QUIET_SECONDS = 30  # to wait for other processes to end
MS = 1000


def measure_load(
    given: LoadSetup, objectives: Sequence[Objective], confidence: float, max_replicas: int
) -> LoadEvidence:
    """Find how many replicas carry the peak so that each keeps every objective, at most `max_replicas`.

    As many are planned as the variant's service times ask for, one call after the other, and then as those of a short run under
    load do, if these are more. One replica is then loaded with its share of the peak, for as many requests as a percentile
    takes. Where a look can't tell, the load goes on once, if
    that may settle it; where an objective is missed or stays open, or the replica is busier than the policy plans, the peak is
    spread over more replicas, as many as the services under load ask for, and the load offered anew. A look that says no while
    other processes took the cores is taken anew once, when they are quiet or after half a minute.
    Raises StageError where the serving batch was not timed, the generator was too late, or the server crashed or hung.
    """
    business, arrivals = given.business, given.arrivals()
    plan = plan_replica(given, objectives)
    found = LoadEvidence(
        target=given.serving.target,
        peak_per_second=business.peak_per_second,
        **_shared_by(int(min(plan.carrying(business), max_replicas)), business),
        replica=plan.replica,
        arrivals=arrivals,
        objectives=tuple(objectives),
        runs=(),
    )
    slo_ms = MS * max(each.limit_seconds for each in objectives)
    with LoadTest(given.opening(), arrivals, slo_ms) as test:

        def offer(share_per_second: float, seconds: float) -> Loaded:
            asked = Offer(
                replica=found.replica, arrivals=arrivals, rate=share_per_second, slo_ms=slo_ms, seconds=seconds,
                seed=given.seed + SEEDS * len(test.runs),
            )  # fmt: skip
            return with_requests(test.run(asked), given.out)

        longest = given.measuring.load_seconds
        pilot = offer(found.share_per_second, min(longest, PILOT / found.share_per_second))
        found = _planned_by(pilot, found, business, max_replicas)
        while True:
            seconds = min(longest, seconds_to_look(objectives, found.share_per_second))
            found = found.model_copy(update={"runs": (*found.runs, offer(found.share_per_second, seconds))})
            verdict = verdict_so_far(found, objectives, confidence)
            if verdict != "pass" and found.runs[-1].run.disturbed and not found.disturbed:
                wait_for_quiet(QUIET_SECONDS)
                found = found.model_copy(update={"disturbed": tuple(each.run for each in found.runs), "runs": ()})
                continue
            last = found.carrying >= max_replicas
            if (verdict == "pass" and (last or not _too_busy(found, business))) or (verdict == "fail" and last):
                break
            if (
                verdict == "inconclusive"
                and len(found.runs) < LOOKS
                and (last or may_tell(found, objectives, confidence))
            ):
                continue
            if last:
                break
            found = _spread(found, business, max_replicas)
    return _with_curve(found, plan, given)


def _planned_by(pilot: Loaded, found: LoadEvidence, business: Business, max_replicas: int) -> LoadEvidence:
    """Return evidence over as many replicas as the services and the work of a short run ask for, if these are more than planned."""
    services, busy = services_of(found.model_copy(update={"runs": (pilot,)})), pilot.run.busy_seconds
    by_work = 1 if busy is None else carrying_replicas(busy / found.replica.instances, business)
    wanted = min(max(by_work, replicas_to_try(services, found.gamma_shape, business, found.objectives)), max_replicas)
    shared = _shared_by(max(found.carrying, wanted), business)
    return found.model_copy(update={**shared, "pilot": pilot.run})


def _too_busy(found: LoadEvidence, business: Business) -> bool:
    busy = found.busy_seconds
    return busy is not None and busy * found.share_per_second / found.replica.instances > business.utilisation


def _spread(found: LoadEvidence, business: Business, max_replicas: int) -> LoadEvidence:
    """Return evidence without runs yet, over more replicas: one more at least, and as many as the last services ask for."""
    wanted = replicas_to_try(services_of(found), found.gamma_shape, business, found.objectives)
    carrying = min(max(found.carrying + 1, wanted), max_replicas)
    crowded = (*found.crowded, *(each.run for each in found.runs))
    return found.model_copy(update={**_shared_by(carrying, business), "crowded": crowded, "runs": ()})


def _shared_by(carrying: int, business: Business) -> dict[str, Any]:
    """Return how many replicas carry the peak, and one's share of it."""
    return {"carrying": carrying, "share_per_second": business.peak_per_second / carrying}


def _with_curve(found: LoadEvidence, plan: Plan, given: LoadSetup) -> LoadEvidence:
    """Add what one replica sustains, and its response time by rate: of the services under load, else of those alone."""
    services, shape = services_of(found), found.gamma_shape
    if services is None or shape is None:
        responses = timed_queue(given, plan.replica, plan.service)
        top = plan.service.highest_rate(plan.replica.largest_batch, plan.replica.instances)
    else:
        responses, top = loaded_queue(services, shape), most_rate(services)
    highest = max(found.objectives, key=lambda each: each.quantile)
    return found.model_copy(
        update={
            "sustained_per_second": sustained_rate(responses, top, found.objectives, 1.0, 1.0),
            "curve": rates_and_quantile(responses, top, highest.quantile),
        }
    )
