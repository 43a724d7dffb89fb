"""One run against an endpoint: a generator on one side of a queue, the client on the other, and the record of it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from tasks.core.errors import StageError
from tasks.core.records import Record
from tasks.evidence import Arrivals, Endpoint, LoadRun, PoissonArrivals
from tasks.performance.endpoint.client import Caller, open_http_session
from tasks.performance.load.batcher import NS
from tasks.performance.load.generator import Generator, Paced
from tasks.performance.load.request_log import keep_raw
from tasks.performance.load.request_pipe import Queue
from tasks.performance.load.run import REQUESTS, START_SECONDS, RequestTimes, accepted_lateness, draw_requests

if TYPE_CHECKING:
    from numpy.typing import NDArray

WARMUP_CALLS = 10
VERSION = "1"  # of the client: it changes where its times can no longer be compared


class EndpointOpening(Record):
    """Which endpoint is asked with which bodies (a file of one JSON text a line), and the folder where runs are kept.

    `headers` go with every request and are not recorded. What is not answered `timeout_seconds` after it was sent never is.
    """

    endpoint: Endpoint
    bodies: Path
    out: Path
    headers: dict[str, str] = Field(default_factory=dict)
    timeout_seconds: float = 10


class EndpointOffer(Record):
    """A load to offer: `slo_ms` is the latency that it is to tell apart, by which the client's lateness is judged."""

    arrivals: Arrivals = PoissonArrivals()
    rate: float
    seconds: float
    seed: int
    slo_ms: float


class Client:
    """An endpoint's client with its bodies read."""

    def __init__(self, opening: EndpointOpening) -> None:
        self._opening, self._bodies = opening, opening.bodies.read_bytes().splitlines()

    def run(self, offer: EndpointOffer) -> LoadRun:
        """Offer a load, and keep every request in a file.

        Raises StageError where requests were sent too late to tell of the server, where this machine has no more
        connections, or where not one of the first calls is answered.
        """
        due, rows = draw_requests(offer.arrivals, offer.rate, offer.seconds, offer.seed, len(self._bodies))
        caller, seen = asyncio.run(self._play(offer, due, rows))
        lateness = accepted_lateness(seen, offer.slo_ms)
        answered = caller.outcome == "answered"
        calls = caller.calls()
        done = np.isfinite(seen.completed)
        last = float(seen.completed[done].max()) if done.any() else offer.seconds
        table = {
            "scheduled": seen.scheduled, "dispatched": seen.dispatched, "completed": seen.completed,
            "outcome": caller.outcome.astype(str), "batch": np.ones(len(rows), dtype=np.int32), "row": rows,
        }  # fmt: skip
        return LoadRun(
            engine="launchgate",
            engine_version=VERSION,
            arrivals=offer.arrivals,
            rate=offer.rate,
            seconds=offer.seconds,
            seed=offer.seed,
            replica=None,
            requests=len(rows),
            answered=int(answered.sum()),
            failed=len(rows) - int(answered.sum()) - calls.timeouts,
            unfinished=calls.timeouts,
            lateness=lateness,
            answered_per_second=float(answered.sum() / (last - seen.scheduled[0])),
            utilisation=None,
            mean_batch=None,
            raw=keep_raw(table, self._opening.out),
            calls=calls,
        )

    async def _play(
        self, offer: EndpointOffer, due: NDArray[np.float64], rows: NDArray[np.intp]
    ) -> tuple[Caller, RequestTimes]:
        with tempfile.TemporaryDirectory(prefix="launchgate-") as folder, Queue(Path(folder) / REQUESTS) as queue:
            schedule, sent = queue.path.with_name("schedule.npy"), queue.path.with_name("sent.npy")
            np.save(schedule, due)
            async with open_http_session(self._opening.headers, self._opening.timeout_seconds) as session:
                await self._warm_up(Caller(session, self._opening.endpoint, self._bodies, np.arange(len(self._bodies))))
                caller = Caller(session, self._opening.endpoint, self._bodies, rows)
                calls = asyncio.create_task(caller.answer(queue.reader))
                paced = Paced(schedule=schedule, requests=queue.path, sent=sent)
                with Generator() as generator:
                    begun = await asyncio.to_thread(generator.send, paced, offer.seconds + START_SECONDS)
                queue.close()
                await calls
        start = begun.start_ns / NS
        return caller, RequestTimes(due, caller.dispatched - start, caller.completed - start)

    async def _warm_up(self, caller: Caller) -> None:
        calls = min(WARMUP_CALLS, len(self._bodies))
        for number in range(calls):
            await caller.call(number)
        if not (caller.outcome[:calls] == "answered").any():
            raise StageError(
                f"none of the first {calls} requests got a good answer, so there is nothing to put under load: {caller.said}"
            )
