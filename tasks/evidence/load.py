"""Open-loop load: requests that arrive when they arrive, and what one replica made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tasks.core.records import Record, RequestInputs, ServingProtocol, Sha256, Target
from tasks.evidence.common import NOISY_LOAD, Raw

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

    A worker waits for more until the oldest of its batch is `longest_wait_ms` old. All call one session, of `threads`
    intra-op threads; 0 leaves the choice to onnxruntime.
    """

    largest_batch: Annotated[int, Field(ge=1)]
    longest_wait_ms: Annotated[float, Field(ge=0)] = 0
    instances: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=0)] = 1

    @model_validator(mode="before")
    @classmethod
    def _of_older_evidence(cls, values: Any) -> Any:
        """Read records that still say that the workers share one session; `own_sessions` was never true in a launch."""
        if isinstance(values, dict) and values.get("own_sessions") is False:
            return {name: value for name, value in values.items() if name != "own_sessions"}
        return values


class Objective(Record):
    """A latency objective: the response time that a share `quantile` of requests stays within, failed ones missing it."""

    quantile: Annotated[float, Field(gt=0, lt=1)]
    limit_seconds: Annotated[float, Field(gt=0)]


class Lateness(Record):
    """How long after their scheduled arrival requests were sent: the error of the generator, not of the server."""

    p50_seconds: float
    p99_seconds: float
    max_seconds: float


class Calls(Record):
    """How the requests to a server elsewhere ended that got no good answer, each counted once.

    `errors` are HTTP statuses that are not 2xx, each with its count in `statuses`; `malformed` answers were 2xx and not what
    the protocol asks for; `timeouts` had no whole answer in time; `refused` could not connect; `broken` connections ended
    before the answer did. `said` is what one of them said. `most_at_once` is how many requests were under way together.
    """

    errors: int
    malformed: int
    timeouts: int
    refused: int
    broken: int
    statuses: tuple[tuple[int, int], ...]
    said: str
    most_at_once: int


class LoadRun(Record):
    """One replica under load at one rate, or a server elsewhere, of which `calls` are known and not how it serves.

    `rate` is the mean of the scheduled requests a second, over `seconds`; `answered_per_second` is over the time from the
    first scheduled request to the last answer. `utilisation` is the share of the workers' time in calls, `other_load` that of the
    machine's cores which other processes took meanwhile. `raw` holds each
    request: scheduled, dispatched and completed in seconds (infinite where it never was), outcome, batch and row.
    """

    engine: Engine
    engine_version: str
    arrivals: Arrivals
    rate: float
    seconds: float
    seed: int
    replica: Replica | None
    requests: int
    answered: int
    failed: int
    unfinished: int
    lateness: Lateness
    answered_per_second: float
    utilisation: float | None
    mean_batch: float | None
    raw: Raw
    calls: Calls | None = None
    other_load: float | None = None

    @property
    def disturbed(self) -> bool:
        """Whether other processes took so much of the cores that the times may be theirs."""
        return (self.other_load or 0.0) > NOISY_LOAD

    @property
    def busy_seconds(self) -> float | None:
        """For how long a request kept one of the replica's instances busy, in the mean; None where that is not known."""
        if self.replica is None or self.utilisation is None or not self.answered_per_second:
            return None
        return self.utilisation * self.replica.instances / self.answered_per_second


class Loaded(Record):
    """A run with the requests themselves, in order of their scheduled arrival.

    `response_seconds` count from then to the answer; None where a request failed or was not answered in time.
    """

    run: LoadRun
    scheduled_seconds: tuple[float, ...]
    response_seconds: tuple[float | None, ...]

    @property
    def answered_seconds(self) -> tuple[float, ...]:
        """The responses of the requests that were answered."""
        return tuple(seconds for seconds in self.response_seconds if seconds is not None)


class Offered(Record):
    """Open-loop load of one kind, on requests drawn from production.

    Where a first run could not tell, there are more, each on arrivals of its own.
    """

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
    def looks(self) -> int:
        """How often somebody looked whether the load so far can tell."""
        return len(self.runs)

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


class LoadEvidence(Offered):
    """One replica under its share of the forecast peak: `share_per_second` is the peak over the `carrying` replicas.

    `pilot` is a short run before the first look, which planned the share. `crowded` are runs at larger shares, at which the `objectives` were missed or stayed open, or the replica was busier than
    the policy plans, and `disturbed` those that told no better while other processes took the cores, and were repeated.
    `sustained_per_second` is the highest rate at which a queue with the services of the runs keeps every
    objective, and `curve` has its largest quantile in seconds at rates from next to none to nearly all that it serves.
    """

    target: Target
    peak_per_second: float
    carrying: int
    share_per_second: float
    replica: Replica
    objectives: tuple[Objective, ...] = ()
    pilot: LoadRun | None = None
    crowded: tuple[LoadRun, ...] = ()
    disturbed: tuple[LoadRun, ...] = ()
    sustained_per_second: float | None = None
    curve: tuple[tuple[float, float], ...] = ()

    @property
    def looks(self) -> int:
        """How often somebody looked whether the load so far can tell, at all shares together."""
        return len(self.crowded) + len(self.disturbed) + len(self.runs)

    @property
    def busy_seconds(self) -> float | None:
        """For how long a request kept an instance busy in the mean of the runs, None where that is not known."""
        known = [seconds for each in self.runs if (seconds := each.run.busy_seconds) is not None]
        return sum(known) / len(known) if known else None

    @property
    def servers(self) -> int | None:
        """How many requests are served at once, in order of arrival and one by one; None where batches are formed."""
        return self.replica.instances if self.replica.largest_batch == 1 else None


class Endpoint(Record):
    """A running server and how it is asked: `mlflow` is MLflow's scoring server, `oip` the Open Inference Protocol v2.

    `model` and `version` name what an `oip` server serves. A request holds the input `columns` of a row, or the graph's
    inputs as the adapter has them `encoded`. `server` is what the server says it is.
    """

    url: str
    protocol: ServingProtocol
    model: str | None = None
    version: str | None = None
    inputs: RequestInputs
    server: str | None = None


class EndpointEvidence(Offered):
    """A deployed endpoint under all of a load of `share_per_second`."""

    endpoint: Endpoint
    share_per_second: float

    @property
    def servers(self) -> None:
        """How many requests are served at once: nobody here knows."""
        return
