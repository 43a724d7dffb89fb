"""How much traffic one replica sustains within its latency objective, in which configuration, and how that was found."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.core.records import Record
from tasks.evidence.common import Raw


class Configuration(Record):
    """How a replica serves: `instances` sessions of `threads` threads share a queue from which each takes batches.

    A batch leaves as soon as a session is free and it is full, or its oldest request has waited `longest_wait_seconds`.
    """

    batch_cap: Annotated[int, Field(ge=1)]
    longest_wait_seconds: Annotated[float, Field(ge=0)]
    threads: Annotated[int, Field(ge=0)]
    instances: Annotated[int, Field(ge=1)]


class Objective(Record):
    """The latency objective: the response time that a share `quantile` of requests stays within, failed ones missing it."""

    quantile: Annotated[float, Field(gt=0, lt=1)]
    limit_seconds: Annotated[float, Field(gt=0)]


class Probed(Record):
    """One run under open-loop load; `quantile_seconds` is None where so many requests failed that there is none.

    `implied_per_second` is the capacity that this run alone speaks for.
    """

    purpose: Literal["pilot", "search", "verify"]
    configuration: Configuration
    rate_per_second: float
    seed: int
    seconds: float
    requests: int
    failed: int
    over_limit: int
    quantile_seconds: float | None
    implied_per_second: float


class CapacityEvidence(Record):
    """The highest rate that a replica was seen to sustain on fresh arrivals, and the bounds of its capacity.

    `verified_per_second` is None where no rate passed its verification. `low_per_second` and `high_per_second` are
    one-sided bounds at `confidence`, None where too few runs show a capacity; the lower one is at least the verified rate
    where a bound of that rate's own quantile is within the limit, the upper one never below it. `predicted_per_second` is what the
    simulation of measured service times said before any load; where it says that no rate is within the limit, because service
    alone is over it, nothing is loaded and all rates are 0. No rate above `enough_per_second` was driven. `curve` has the
    objective's quantile in seconds at rates from next to none to beyond the capacity, by the simulation that explains the runs.
    `raw` holds each request of each run, in their order.
    """

    objective: Objective
    peak_per_second: float
    configuration: Configuration
    predicted_per_second: float
    verified_per_second: float | None
    estimated_per_second: float
    low_per_second: float | None
    high_per_second: float | None
    confidence: float
    load_seconds: float
    probed: tuple[Probed, ...]
    enough_per_second: float | None = None
    curve: tuple[tuple[float, float], ...] = ()
    raw: tuple[Raw, ...] = ()
