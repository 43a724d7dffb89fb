"""One run: a server's workers on one side of a queue, a generator on the other, and the record of what became of it."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import StageError
from tasks.core.records import Record
from tasks.evidence import Arrivals, Engine, Lateness, LoadRun, PoissonArrivals, Replica
from tasks.performance.load.arrivals import scheduled
from tasks.performance.load.batcher import NS, Batcher, any_left
from tasks.performance.load.generator import Generator, Paced
from tasks.performance.load.request_log import keep_raw
from tasks.performance.load.request_pipe import Queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tasks.performance.load.batcher import Answerer

LATE_SHARE = (
    0.05  # of the SLO, by which the generator's p99 may be late: more would be seen in the server's percentiles
)
START_SECONDS = 60  # for a generator's process to start and to read its trace
REQUESTS = "requests"
MS = 1000
VERSION = "1"  # of the own generator: it changes where its times can no longer be compared
STOP_SECONDS = 5  # for calls under way to end after the drain


class Offer(Record):
    """A load to offer: `slo_ms` is the latency that it is to tell apart, by which the generator's lateness is judged.

    What is not answered `drain_seconds` after the last request was sent counts as unfinished.
    """

    replica: Replica
    arrivals: Arrivals = PoissonArrivals()
    rate: float
    seconds: float
    seed: int
    slo_ms: float
    drain_seconds: float = 10


@dataclass(frozen=True)
class RequestTimes:
    """When requests were due, were sent and were done, in seconds from time 0; infinite where they never were."""

    scheduled: NDArray[np.float64]
    dispatched: NDArray[np.float64]
    completed: NDArray[np.float64]


@dataclass(frozen=True)
class LoadEngine:
    """What sends the requests of a run, as its record names it.

    `play` is given the answerer, the offer, when each request is due (seconds) and its row, both [requests], and the
    queue. It returns the workers that answered, and when everything was.
    """

    engine: Engine
    version: str
    play: Callable[[Answerer, Offer, NDArray[np.float64], NDArray[np.intp], Queue], tuple[Batcher, RequestTimes]]


def run_load(answerer: Answerer, offer: Offer, out: Path, sender: LoadEngine) -> LoadRun:
    """Offer a load to `answerer`, which the replica's workers share, and keep every request in a file in `out`.

    `sender` is `own_engine`, but for a benchmark that compares it with another one. Raises StageError where the generator was
    too late to say anything about the server, or could not run, or where a call of an earlier run never came back.
    """
    if any_left():
        raise StageError(
            "a call of an earlier run has not come back and would take part in this one; start a new server"
        )
    due, rows = draw_requests(offer.arrivals, offer.rate, offer.seconds, offer.seed, len(answerer))
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder, Queue(Path(folder) / REQUESTS) as queue:
        batcher, seen = sender.play(answerer, offer, due, rows, queue)
    return _record(offer, sender, batcher, seen, rows, accepted_lateness(seen, offer.slo_ms), out)


def draw_requests(
    arrivals: Arrivals, rate: float, seconds: float, seed: int, rows: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return when each request is due, in seconds, and which of so many rows it asks for, both of shape (requests,).

    Raises StageError where none falls into the time.
    """
    due = scheduled(arrivals, rate, seconds, seed)
    if not len(due):
        raise StageError(f"no request falls into {seconds:g} s at {rate:g} a second; measure for longer")
    return due, np.random.default_rng([seed, len(due)]).integers(rows, size=len(due))


def accepted_lateness(seen: RequestTimes, slo_ms: float) -> Lateness:
    """Return how late requests were sent. Raises StageError where that would be seen in a latency of `slo_ms`."""
    p50, p99, largest = np.quantile(seen.dispatched - seen.scheduled, [0.5, 0.99, 1], method="inverted_cdf")
    if p99 > LATE_SHARE * slo_ms / MS:
        raise StageError(
            f"the generator sent its requests {MS * p99:.2f} ms late at p99, over {LATE_SHARE:.0%} of the "
            f"{slo_ms:g} ms that are to be told: it was too slow, not the server. Give it a core of its own, the "
            "server fewer threads, or both a lower rate"
        )
    return Lateness(p50_seconds=p50, p99_seconds=p99, max_seconds=largest)


def _play_own(
    generator: Generator,
    answerer: Answerer,
    offer: Offer,
    due: NDArray[np.float64],
    rows: NDArray[np.intp],
    queue: Queue,
) -> tuple[Batcher, RequestTimes]:
    schedule, sent = queue.path.with_name("schedule.npy"), queue.path.with_name("sent.npy")
    np.save(schedule, due)
    batcher = Batcher(answerer, offer.replica, rows, queue.reader)
    batcher.start()
    try:
        limit = offer.seconds + offer.drain_seconds + START_SECONDS
        paced = Paced(schedule=schedule, requests=queue.path, sent=sent)
        start_ns = generator.send(paced, limit).start_ns
        queue.close()
        batcher.drain(time.monotonic() + offer.drain_seconds)
        completed = batcher.completed - start_ns / NS
    finally:
        end_run(batcher, queue)
    return batcher, RequestTimes(due, (np.load(sent) - start_ns) / NS, completed)


def own_engine(generator: Generator) -> LoadEngine:
    """Return launchgate's own engine, whose requests the process `generator` sends."""
    return LoadEngine(engine="launchgate", version=VERSION, play=partial(_play_own, generator))


def end_run(batcher: Batcher, queue: Queue) -> None:
    """Have the workers end, and wait a little for those that are in a call."""
    batcher.stop()
    queue.close()
    batcher.drain(time.monotonic() + STOP_SECONDS)


def _record(
    offer: Offer,
    sender: LoadEngine,
    batcher: Batcher,
    seen: RequestTimes,
    rows: NDArray[np.intp],
    lateness: Lateness,
    out: Path,
) -> LoadRun:
    done = np.isfinite(seen.completed)
    answered = done & batcher.answered
    outcome = np.where(answered, "answered", np.where(done, "failed", "unfinished"))
    last = float(seen.completed[done].max()) if done.any() else offer.seconds
    spans = np.array(batcher.spans or [(0.0, 1.0)])
    whole = float(spans[:, 1].max() - spans[:, 0].min())
    table = {
        "scheduled": seen.scheduled, "dispatched": seen.dispatched, "completed": seen.completed, "outcome": outcome,
        "batch": batcher.batch, "row": rows,
    }  # fmt: skip
    return LoadRun(
        engine=sender.engine,
        engine_version=sender.version,
        arrivals=offer.arrivals,
        rate=offer.rate,
        seconds=offer.seconds,
        seed=offer.seed,
        replica=offer.replica,
        requests=len(rows),
        answered=int(answered.sum()),
        failed=int((done & ~answered).sum()),
        unfinished=int((~done).sum()),
        lateness=lateness,
        answered_per_second=float(answered.sum() / (last - seen.scheduled[0])),
        utilisation=float((spans[:, 1] - spans[:, 0]).sum() / (offer.replica.instances * whole))
        if batcher.spans
        else 0.0,
        mean_batch=float(done.sum() / len(batcher.spans)) if batcher.spans else None,
        raw=keep_raw(table, out),
    )
