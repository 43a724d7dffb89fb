"""What a load told of an endpoint: its percentiles with their bounds, how requests ended, and the policy's verdict."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from tasks.core.records import Record
from tasks.core.verdicts import GateResult, PolicyName
from tasks.evidence import Calls, Endpoint, LoadRun
from tasks.gates import latency_slo
from tasks.statistics import bound_under_load

if TYPE_CHECKING:
    from tasks.decision.policy import Policy
    from tasks.evidence import EndpointEvidence

QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
MS = 1000


class Percentile(Record):
    """A percentile of the time from a request's scheduled arrival to its answer; `q` 1 is the largest.

    None where so many requests got no answer that there is none, where no bound is known, and where the policy has no limit.
    """

    q: float
    ms: float | None
    low_ms: float | None
    high_ms: float | None
    limit_ms: float | None = None


class EndpointVerdict(Record):
    """A probe of an endpoint; `result` is what the policy's `latency-slo` says of its limits under load."""

    endpoint: Endpoint
    policy: PolicyName
    requests: int
    answered: int
    calls: Calls
    percentiles: tuple[Percentile, ...]
    result: GateResult
    runs: tuple[LoadRun, ...]


def judge_load(found: EndpointEvidence, policy: Policy) -> EndpointVerdict:
    """Hold what a load showed to a policy."""
    limits = policy.limits()[latency_slo.NAME]
    assert isinstance(limits, latency_slo.Limits)  # noqa: S101  the gate's own
    largest = _ms(max(found.responses))
    budget = {each.quantile: MS * each.limit_seconds for each in limits.under_load}
    return EndpointVerdict(
        endpoint=found.endpoint,
        policy=policy.reference,
        requests=found.requests,
        answered=found.requests - found.lost,
        calls=_together([each.run.calls for each in found.runs if each.run.calls]),
        percentiles=(
            *(_percentile(found, q, budget.get(q), limits.confidence) for q in QUANTILES),
            Percentile(q=1, ms=largest, low_ms=largest, high_ms=None),
        ),
        result=latency_slo.judge_endpoint(found, limits),
        runs=tuple(each.run for each in found.runs),
    )


def _percentile(found: EndpointEvidence, q: float, limit_ms: float | None, confidence: float) -> Percentile:
    bound = bound_under_load(found, q, confidence)
    return Percentile(q=q, ms=_ms(bound.estimate), low_ms=_ms(bound.low), high_ms=_ms(bound.high), limit_ms=limit_ms)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None or math.isinf(seconds) else MS * seconds


def _together(calls: list[Calls]) -> Calls:
    statuses: Counter[int] = Counter()
    for each in calls:
        statuses.update(dict(each.statuses))
    counts = {
        name: sum(getattr(each, name) for each in calls)
        for name in ("errors", "malformed", "timeouts", "refused", "broken")
    }
    return Calls(
        **counts,
        statuses=tuple(sorted(statuses.items())),
        said=next((each.said for each in calls if each.said), ""),
        most_at_once=max(each.most_at_once for each in calls),
    )
