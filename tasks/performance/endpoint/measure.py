"""A deployed endpoint under load, for as long as it takes to tell whether it keeps its latency budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core.worker import Conversation
from tasks.evidence import EndpointEvidence, LoadRun
from tasks.performance.endpoint.run import WARMUP_CALLS, EndpointOffer
from tasks.performance.load.peak import SEEDS, told, with_requests
from tasks.performance.load.run import START_SECONDS
from tasks.statistics import LOOKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.evidence import Arrivals
    from tasks.performance.endpoint.run import EndpointOpening


def measure_endpoint(
    opening: EndpointOpening,
    arrivals: Arrivals,
    rate: float,
    seconds: float,
    budget_ms: Mapping[float, float],
    confidence: float,
    seed: int,
) -> EndpointEvidence:
    """Offer an endpoint `rate` requests a second for `seconds`, and go on with fresh arrivals where that cannot tell yet.

    `budget_ms` has the limit of each quantile that is to be told. Every request is kept in a file in `opening.out`.
    Raises StageError where the client was too late to tell, or the server answers nothing.
    """
    found = EndpointEvidence(endpoint=opening.endpoint, share_per_second=rate, arrivals=arrivals, runs=())
    client = Conversation("tasks.performance.endpoint", opening)
    limit = 2 * seconds + (WARMUP_CALLS + 2) * opening.timeout_seconds + START_SECONDS
    try:
        while len(found.runs) < LOOKS and not told(found, budget_ms, confidence):
            offer = EndpointOffer(
                arrivals=arrivals, rate=rate, seconds=seconds, seed=seed + SEEDS * len(found.runs),
                slo_ms=max(budget_ms.values()),
            )  # fmt: skip
            run = with_requests(client.ask(offer, LoadRun, limit), opening.out)
            found = found.model_copy(update={"runs": (*found.runs, run)})
    finally:
        client.close()
    return found
