"""Latency of single calls at p50, p90, p95, p99 and p99.9, and of requests under load up to p99, against the budget.

The upper bound of each quantile is held to its limit. Of calls one after the other, at the smallest batch, the bound is an
order statistic, right for any distribution, and needs a number of calls that grows with the percentile (59 at p95, 299 at
p99, 2,995 at p99.9 for 95% confidence): with fewer the check is inconclusive. Under load, a request's time counts from
when it was due, so it includes the wait behind others; those that fail count as never answered, and the bound allows for
requests that wait behind the same slow one. p99.9 under load would take hours, so single calls alone are held to it.
The budget of p99 is at most half of the hard limit, to leave room for pauses.
"""

import math
from typing import Annotated

from pydantic import Field, model_validator

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import (
    BatchTimes,
    EndpointEvidence,
    LatencyEvidence,
    LoadEvidence,
    Objective,
    Share,
    Unmeasured,
    VariantEvidence,
)
from tasks.gates.comparisons import rows_to_settle_rate
from tasks.gates.verdict import Question, absent, at_most, unmeasured, verdict
from tasks.statistics import QuantileBound, bound_under_load, decide_upper, load_verdict, quantile_interval

NAME = "latency-slo"
CHECKLIST = "week 1-2"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("latency", "load")
NEEDS = "the seconds of each call at the smallest batch, and of each request under a replica's share of the peak"
DECIDES = "whether every percentile of latency is within its budget: of calls to p99.9, of requests under load to p99"

Milliseconds = Annotated[float, Field(gt=0)]
MS_PER_SECOND = 1000
PERCENT = 100
REMEDY = "find what requests wait for, since single calls may be fast enough, or plan for more replicas (business.utilisation)"
REMEDY_ELSEWHERE = "find what requests wait for in the server or on the way to it, or let more replicas share the load"
BUFFER = 2  # p99 at no more than half of the hard limit


class Limits(GateLimits):
    """The latency budget; p99 is at most half of the hard limit, which no request should reach."""

    p50_ms: Annotated[Milliseconds, Field(description="budget for the median")]
    p90_ms: Annotated[Milliseconds, Field(description="budget for nine requests in ten")]
    p95_ms: Annotated[Milliseconds, Field(description="budget for 95 requests in 100")]
    p99_ms: Annotated[Milliseconds, Field(description="budget for 99 requests in 100")]
    p999_ms: Annotated[Milliseconds, Field(description="budget for 999 requests in 1,000")]
    hard_limit_ms: Annotated[Milliseconds, Field(description="what users are promised, or where callers time out")]

    @model_validator(mode="after")
    def _leaves_room(self) -> "Limits":
        if self.p99_ms * BUFFER > self.hard_limit_ms:
            raise ValueError(
                f"p99_ms is {self.p99_ms:g}, over half of hard_limit_ms ({self.hard_limit_ms:g}); "
                f"set it to at most {self.hard_limit_ms / BUFFER:g}, so that pauses and misses have room"
            )
        budget = (self.p50_ms, self.p90_ms, self.p95_ms, self.p99_ms, self.p999_ms, self.hard_limit_ms)
        if list(budget) != sorted(budget):
            raise ValueError("the budget falls from one percentile to the next; a higher percentile is never faster")
        return self

    @property
    def under_load(self) -> tuple[Objective, ...]:
        """What requests under load are held to: each quantile and its limit."""
        budget = {0.5: self.p50_ms, 0.9: self.p90_ms, 0.95: self.p95_ms, 0.99: self.p99_ms}
        return tuple(Objective(quantile=q, limit_seconds=limit / MS_PER_SECOND) for q, limit in budget.items())


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's latency."""
    found, load = evidence.latency, evidence.load
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    note = found.noise.note if found.noise else ""
    loaded = (absent(load),) if isinstance(load, Unmeasured) else _under_load(load, limits, REMEDY)
    return verdict(NAME, CHECKLIST, limits, (*_checks(found, limits), *loaded), variant=evidence.name, note=note)


def judge_endpoint(found: EndpointEvidence, limits: Limits) -> GateResult:
    """Return the verdict on a deployed endpoint's responses under load, by the same limits and bounds."""
    return verdict(NAME, CHECKLIST, limits, _under_load(found, limits, REMEDY_ELSEWHERE))


def _checks(found: LatencyEvidence, limits: Limits) -> tuple[Check, ...]:
    smallest = min(found.batches, key=lambda times: times.batch, default=None)
    if smallest is None or not smallest.seconds:
        return (unmeasured("latency", "No call was timed at the smallest batch; measure at least one batch size"),)
    budget = (
        ("p50", 0.5, limits.p50_ms),
        ("p90", 0.9, limits.p90_ms),
        ("p95", 0.95, limits.p95_ms),
        ("p99", 0.99, limits.p99_ms),
        ("p99.9", 0.999, limits.p999_ms),
    )
    return tuple(_percentile(name, q, limit, smallest, limits.confidence) for name, q, limit in budget)


def _percentile(name: str, q: float, limit: float, times: BatchTimes, confidence: float) -> Check:
    milliseconds = [MS_PER_SECOND * seconds for seconds in times.seconds]
    question = Question(
        name,
        f"The {name} latency at batch {times.batch} over {len(milliseconds):,} calls",
        "ms",
        "use a faster variant or a smaller model, and find what the slow calls wait for",
        "calls",
    )
    # A quantile is within the limit where the share of calls over it is within 1 - q.
    over = Share(events=sum(one > limit for one in milliseconds), trials=len(milliseconds))
    needed = rows_to_settle_rate(over, 1 - q, confidence)
    return at_most(question, quantile_interval(milliseconds, q, confidence), limit, confidence, needed)


def _under_load(found: LoadEvidence | EndpointEvidence, limits: Limits, remedy: str) -> tuple[Check, ...]:
    if not found.requests:
        return (unmeasured("load", "No request was sent under load; set measure.load_seconds"),)
    return tuple(_response(each, found, limits.confidence, remedy) for each in limits.under_load)


def _response(one: Objective, found: LoadEvidence | EndpointEvidence, confidence: float, remedy: str) -> Check:
    q, limit = one.quantile, MS_PER_SECOND * one.limit_seconds
    bound, percentile = bound_under_load(found, q, confidence), f"p{PERCENT * q:g}"
    name, asked = f"{percentile} under load", f"{found.requests:,} requests at {found.share_per_second:.4g} a second"
    lost = f", of which {found.lost:,} got no answer," if found.lost else ""
    if math.isinf(bound.estimate):
        outcome = decide_upper(bound, one.limit_seconds)
        because = f"Of {asked} {found.lost:,} got no answer, more than {percentile} leaves; {remedy}"
        return Check(name=name, outcome=outcome, limit=limit, unit="ms", because=because)
    question = Question(name, f"The {percentile} response over {asked}{lost}", "ms", remedy, "requests")
    more = load_verdict(found, q, confidence, one.limit_seconds).more_requests
    low, high = (None if end is None or math.isinf(end) else MS_PER_SECOND * end for end in (bound.low, bound.high))
    needed = found.requests + more if more else None
    in_ms = QuantileBound(MS_PER_SECOND * bound.estimate, low, high, needed or 0)
    return at_most(question, in_ms, limit, confidence, needed)
