"""One replica under its share of the forecast peak, for as long as it takes to tell whether it keeps its latency budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.errors import StageError
from tasks.cost.replicas import carrying_replicas
from tasks.evidence import Loaded, LoadEvidence, Replica
from tasks.performance.load.load_test import LoadTest
from tasks.performance.load.request_log import read_raw, response_seconds
from tasks.performance.load.run import Offer
from tasks.statistics import LOOKS, bound_under_load, decide_upper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.core.settings import Business
    from tasks.evidence import EndpointEvidence, LoadRun
    from tasks.performance.load.setup import LoadSetup

SEEDS = 1_000  # between the arrivals of one run and those of the next
MOST_CROWDED = 2  # runs after which the replicas stay as many: a call takes a little longer the fewer there are
MS = 1000


def measure_load(given: LoadSetup, budget_ms: Mapping[float, float], confidence: float) -> LoadEvidence:
    """Offer a replica its share of the peak, and go on with fresh arrivals where the runs so far cannot tell.

    The peak is first spread over as many replicas as the variant's service times ask for, one call after the other. Under
    load, calls take longer, as they come to cores that slept and to caches that others filled: where a replica then is busy
    for more of the time than the policy plans, the peak is spread over more of them, and the load offered anew.
    `budget_ms` has the limit of each quantile that is to be told.
    Raises StageError where the serving batch was not timed, the generator was too late, or the server crashed or hung.
    """
    business, arrivals = given.business, given.arrivals()
    seconds = next((times.seconds for times in given.latency.batches if times.batch == business.serving_batch), ())
    if not seconds:
        raise StageError(f"batch {business.serving_batch}, in which the policy serves, has no measured service time")
    found = LoadEvidence(
        target=given.serving.target,
        peak_per_second=business.peak_per_second,
        **_shared_by(float(np.mean(seconds)) / business.serving_batch, business),
        replica=Replica(largest_batch=business.serving_batch, threads=given.measuring.threads),
        arrivals=arrivals,
        runs=(),
    )
    slo_ms = max(budget_ms.values())
    with LoadTest(given.opening(), arrivals, slo_ms) as test:
        while len(found.runs) < LOOKS and not told(found, budget_ms, confidence):
            offer = Offer(
                replica=found.replica, arrivals=arrivals, rate=found.share_per_second, slo_ms=slo_ms,
                seconds=given.measuring.load_seconds, seed=given.seed + SEEDS * len(test.runs),
            )  # fmt: skip
            found = found.model_copy(update={"runs": (*found.runs, with_requests(test.run(offer), given.out))})
            if len(found.crowded) < MOST_CROWDED:
                found = _spread(found, business)
    return found


def _spread(found: LoadEvidence, business: Business) -> LoadEvidence:
    """Return evidence without runs yet, over more replicas, where those so far were too busy; else return it as it is."""
    if found.busy_seconds is None or carrying_replicas(found.busy_seconds, business) <= found.carrying:
        return found
    crowded = (*found.crowded, *(each.run for each in found.runs))
    return found.model_copy(update={**_shared_by(found.busy_seconds, business), "crowded": crowded, "runs": ()})


def _shared_by(service_seconds: float, business: Business) -> dict[str, Any]:
    """Return how many replicas carry the peak, and one's share of it."""
    carrying = max(1, carrying_replicas(service_seconds, business))
    return {"carrying": carrying, "share_per_second": business.peak_per_second / carrying}


def told(found: LoadEvidence | EndpointEvidence, budget_ms: Mapping[float, float], confidence: float) -> bool:
    """Tell whether every quantile is known to be within its limit, or one to be over it."""
    if not found.runs:
        return False
    limits = {q: limit / MS for q, limit in budget_ms.items()}
    verdicts = [decide_upper(bound_under_load(found, q, confidence, limit), limit) for q, limit in limits.items()]
    return "fail" in verdicts or set(verdicts) == {"pass"}


def with_requests(run: LoadRun, out: Path) -> Loaded:
    """Return a run with its requests, as they lie in the folder `out`."""
    table = read_raw(out / Path(run.raw.path).name)
    took = response_seconds(table)
    return Loaded(
        run=run,
        scheduled_seconds=tuple(table["scheduled"].tolist()),
        response_seconds=tuple(None if np.isinf(one) else one for one in took.tolist()),
    )
