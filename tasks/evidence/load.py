"""Open-loop load: requests that arrive when they arrive, and what one replica made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.evidence.basis import Raw
from tasks.records import Record, Sha256, Target

Engine = Literal["launchgate", "mlperf-loadgen"]


class PoissonArrivals(Record):
    """Requests that come independently of each other, as those of many users do."""

    process: Literal["poisson"] = "poisson"


class GammaArrivals(Record):
    """Gaps that follow a gamma distribution; a coefficient of variation above 1 makes bursts, and 1 is Poisson."""

    process: Literal["gamma"] = "gamma"
    variation: Annotated[float, Field(gt=0)]


class ReplayArrivals(Record):
    """The production log's own times: `times` is a .npy file of microseconds since 1970, int64 [requests], in order."""

    process: Literal["replay"] = "replay"
    times: Path
    sha256: Sha256


Arrivals = Annotated[PoissonArrivals | GammaArrivals | ReplayArrivals, Field(discriminator="process")]


class Replica(Record):
    """How one replica serves: `instances` workers share a queue and take up to `largest_batch` requests at once.

    A worker waits for more until the oldest of its batch is `longest_wait_ms` old. Each has sessions of its own where
    `own_sessions`, of `threads` intra-op threads each; 0 leaves the choice to onnxruntime.
    """

    largest_batch: Annotated[int, Field(ge=1)]
    longest_wait_ms: Annotated[float, Field(ge=0)] = 0
    instances: Annotated[int, Field(ge=1)] = 1
    own_sessions: bool = False
    threads: Annotated[int, Field(ge=0)] = 1


class Lateness(Record):
    """How long after their scheduled arrival requests were sent: the error of the generator, not of the server."""

    p50_seconds: float
    p99_seconds: float
    max_seconds: float


class LoadRun(Record):
    """One replica under load at one rate.

    `rate` is the mean of the scheduled requests a second, over `seconds`; `answered_per_second` is over the time from the
    first scheduled request to the last answer. `utilisation` is the share of the workers' time in calls. `raw` holds each
    request: scheduled, dispatched and completed in seconds (infinite where it never was), outcome, batch and row.
    """

    engine: Engine
    engine_version: str
    arrivals: Arrivals
    rate: float
    seconds: float
    seed: int
    replica: Replica
    requests: int
    answered: int
    failed: int
    unfinished: int
    lateness: Lateness
    answered_per_second: float
    utilisation: float
    mean_batch: float | None
    raw: Raw


class Loaded(Record):
    """A run with the requests themselves, in order of their scheduled arrival.

    `response_seconds` count from then to the answer; None where a request failed or was not answered in time.
    """

    run: LoadRun
    scheduled_seconds: tuple[float, ...]
    response_seconds: tuple[float | None, ...]


class LoadEvidence(Record):
    """One replica under its share of the forecast peak, open-loop, on requests drawn from production.

    `share_per_second` is the peak over the `carrying` replicas among which it is spread. Where a first run could not
    tell, there are more, each on arrivals of its own.
    """

    target: Target
    peak_per_second: float
    carrying: int
    share_per_second: float
    replica: Replica
    arrivals: Arrivals
    runs: tuple[Loaded, ...]

    @property
    def requests(self) -> int:
        """All requests of all runs."""
        return sum(each.run.requests for each in self.runs)

    @property
    def lost(self) -> int:
        """Requests that failed or were not answered in time."""
        return sum(each.run.failed + each.run.unfinished for each in self.runs)

    @property
    def scheduled(self) -> tuple[float, ...]:
        """When each request was due, in seconds, one run after the other."""
        starts = [sum(each.run.seconds for each in self.runs[:number]) for number in range(len(self.runs))]
        return tuple(start + at for start, each in zip(starts, self.runs, strict=True) for at in each.scheduled_seconds)

    @property
    def responses(self) -> tuple[float, ...]:
        """Seconds from then to each answer, infinite where none came."""
        return tuple(float("inf") if at is None else at for each in self.runs for at in each.response_seconds)

    @property
    def gamma_shape(self) -> float | None:
        """The shape of the gaps' gamma distribution, 1 for Poisson arrivals; None of a replayed log."""
        if isinstance(self.arrivals, ReplayArrivals):
            return None
        return 1.0 if isinstance(self.arrivals, PoissonArrivals) else self.arrivals.variation**-2

    @property
    def servers(self) -> int | None:
        """How many requests are served at once, in order of arrival and one by one; None where batches are formed."""
        return self.replica.instances if self.replica.largest_batch == 1 else None
