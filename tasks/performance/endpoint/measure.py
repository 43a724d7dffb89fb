"""A deployed endpoint under load, for as long as it takes to tell whether it keeps its latency budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core.worker import Conversation
from tasks.evidence import EndpointEvidence, LoadRun
from tasks.performance.endpoint.run import WARMUP_CALLS, EndpointOffer
from tasks.performance.load.looks import LOOKS, SEEDS, verdict_so_far, with_requests
from tasks.performance.load.run import START_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.evidence import Arrivals, Objective
    from tasks.performance.endpoint.run import EndpointOpening


MS = 1000


def measure_endpoint(
    opening: EndpointOpening,
    arrivals: Arrivals,
    rate: float,
    seconds: float,
    objectives: Sequence[Objective],
    confidence: float,
    seed: int,
) -> EndpointEvidence:
    """Offer an endpoint `rate` requests a second for `seconds`, and go on with fresh arrivals where that cannot tell yet.

    Every request is kept in a file in `opening.out`.
    Raises StageError where the client was too late to tell, or the server answers nothing.
    """
    found = EndpointEvidence(endpoint=opening.endpoint, share_per_second=rate, arrivals=arrivals, runs=())
    client = Conversation("tasks.performance.endpoint", opening)
    limit = 2 * seconds + (WARMUP_CALLS + 2) * opening.timeout_seconds + START_SECONDS
    try:
        while not found.runs or (
            len(found.runs) < LOOKS and verdict_so_far(found, objectives, confidence) == "inconclusive"
        ):
            offer = EndpointOffer(
                arrivals=arrivals, rate=rate, seconds=seconds, seed=seed + SEEDS * len(found.runs),
                slo_ms=MS * max(each.limit_seconds for each in objectives),
            )  # fmt: skip
            run = with_requests(client.ask(offer, LoadRun, limit), opening.out)
            found = found.model_copy(update={"runs": (*found.runs, run)})
    finally:
        client.close()
    return found
