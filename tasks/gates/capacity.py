"""How many replicas carry the forecast peak so that each keeps the latency budget, against how many a policy allows.

One replica was loaded with its share of the peak, and the peak spread over more of them where that was too much. The gate
passes where as many as are allowed keep every percentile of the budget by its bound, fails where even the most miss one,
and is inconclusive in between.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import LoadEvidence, Objective, Replica, Unmeasured, VariantEvidence
from tasks.gates.verdict import Question, absent, exactly_at_most, show, unmeasured, verdict
from tasks.statistics import ResponseBound, bound_under_load, decide_upper, load_verdict

NAME = "capacity"
CHECKLIST = "week 1-2"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("load",)
NEEDS = "open-loop load on a replica at its share of the peak, and at smaller ones where it misses the latency budget"
DECIDES = "whether as many replicas as the policy allows carry the peak within the latency budget"

CHECK = "replicas"
UNIT = "replicas"
MS = 1000
REMEDY = "use a faster variant, find what the requests queue for, or allow more replicas (capacity.max_replicas)"


class Limits(GateLimits):
    """The replicas among which the forecast peak may be spread."""

    max_replicas: Annotated[int, Field(ge=1, description="replicas that carry the peak, spare ones not counted")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's capacity."""
    found = evidence.load
    if isinstance(found, Unmeasured):
        check = absent(found)
    elif not found.requests or not found.objectives:
        check = unmeasured("load", "No request was sent under load; set measure.load_seconds")
    else:
        check = _replicas(found, limits)
    return verdict(NAME, CHECKLIST, limits, (check,), variant=evidence.name)


def _replicas(found: LoadEvidence, limits: Limits) -> Check:
    bounds = {each: bound_under_load(found, each.quantile, limits.confidence) for each in found.objectives}
    outcomes = {each: decide_upper(bound, each.limit_seconds) for each, bound in bounds.items()}
    missed = [each for each in found.objectives if outcomes[each] == "fail"]
    unsure = [each for each in found.objectives if outcomes[each] == "inconclusive"]
    budget = f"carry the peak of {show(found.peak_per_second, 'a second')} within the latency budget"
    if not missed and not unsure:
        what = f"The number of replicas that {budget}, {_in_words(found.replica)} at {show(found.share_per_second, 'a second')} each,"
        return exactly_at_most(Question(CHECK, what, UNIT, REMEDY), found.carrying, limits.max_replicas)
    asked = f"over {found.requests:,} requests at {show(found.share_per_second, 'a second')} each"
    carrying = f"{found.carrying} replica{'s' if found.carrying > 1 else ''}"
    most = found.carrying >= limits.max_replicas
    if missed and most:
        outcome, needed = "fail", None
        because = (
            f"Even {carrying}, the most that the policy allows, do not {budget}: {_seen(missed[0], bounds)}, {asked}"
        )
        because += f"{_sustained(found)}; {REMEDY}"
    elif missed:
        outcome, needed = "inconclusive", None
        because = (
            f"The load ended at {carrying}, which do not {budget}: {_seen(missed[0], bounds)}, {asked}; launch anew"
        )
        because += f" to try up to {limits.max_replicas}"
    else:
        outcome = "inconclusive"
        one = unsure[0]
        more = load_verdict(found, one.quantile, limits.confidence, one.limit_seconds).more_requests
        needed = None if more is None else found.requests + more
        settle = f"about {needed:,} requests would settle it" if needed else "take more requests"
        because = f"It is not known whether {carrying} {budget}: {_seen(one, bounds)}, {asked}; {settle} (measure.load_seconds)"
    return Check(
        name=CHECK, outcome=outcome, observed=found.carrying, limit=limits.max_replicas, unit=UNIT, because=because,
        needed=needed,
    )  # fmt: skip


def _seen(one: Objective, bounds: dict[Objective, ResponseBound]) -> str:
    """Say what a percentile is, between its bounds, and its limit."""
    bound = bounds[one]
    low, high = ("no bound" if end is None else show(MS * end, "ms") for end in (bound.low, bound.high))
    return f"p{100 * one.quantile:g} is between {low} and {high}, its limit {show(MS * one.limit_seconds, 'ms')}"


def _sustained(found: LoadEvidence) -> str:
    if not found.sustained_per_second:
        return ""
    return f"; by its services one would keep it up to about {show(found.sustained_per_second, 'a second')}"


def _in_words(one: Replica) -> str:
    batches = "one request at a time" if one.largest_batch == 1 else f"in batches of up to {one.largest_batch}"
    wait = f" that wait {one.longest_wait_ms:g} ms to fill" if one.longest_wait_ms else ""
    threads = f", {one.instances} sessions of {one.threads or 'all'} thread{'' if one.threads == 1 else 's'} at once"
    return batches + wait + (threads if one.instances > 1 else "")
