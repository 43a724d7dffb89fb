"""Open-loop load: requests that arrive when they arrive, and what one replica made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.evidence.basis import Raw
from tasks.records import Record, Sha256

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
