"""What the variant costs a thousand predictions and a month, at the policy's traffic, utilisation and spare replicas.

There are as many replicas as kept the latency budget and the planned utilisation under load, or as the calls one after the
other ask for where there was none. The cost carries the uncertainty of the measured service time: it passes where its high end is
within the limit, fails where its point is over, and is inconclusive in between.
"""

import math
from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Outcome, Scope, Stage
from tasks.evidence import CostEvidence, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rows_to_settle
from tasks.gates.verdict import absent, show, verdict
from tasks.statistics import Interval

NAME = "unit-cost"
CHECKLIST = "week 11-12"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("load",)
NEEDS = "measured service times, and the price of the policy's machine"
DECIDES = "whether the variant is cheap enough, a thousand predictions and a month, with replicas for the peak"

MS_PER_SECOND = 1000


class Limits(GateLimits):
    """The budget, in US dollars."""

    max_usd_per_thousand: Annotated[float, Field(gt=0, description="most dollars a thousand predictions")]
    max_usd_per_month: Annotated[float, Field(gt=0, description="most dollars a month")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's cost."""
    found = evidence.cost
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found, _calls(evidence, found), limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _checks(found: CostEvidence, calls: int, limits: Limits) -> tuple[Check, ...]:
    thousand, month = limits.max_usd_per_thousand, limits.max_usd_per_month
    return (
        _cost("thousand", "a thousand", found, (found.usd_per_thousand, found.usd_per_thousand_high), thousand, calls),
        _cost("month", "a month", found, (found.usd_per_month, found.usd_per_month_high), month, calls),
    )


def _calls(evidence: VariantEvidence, found: CostEvidence) -> int:
    """Return how many calls of the serving batch were timed; 0 where that is not known."""
    times = () if isinstance(evidence.latency, Unmeasured) else evidence.latency.batches
    return next((len(each.seconds) for each in times if each.batch == found.serving_batch), 0)


def _needed(found: CostEvidence, calls: int, point: float, limit: float) -> int | None:
    """Count the calls that would settle it: they bring the time's bound down to where one replica more is not needed."""
    affordable = math.floor(limit / (point / found.replicas))
    carried = found.peak_per_second * found.service_ms / MS_PER_SECOND / found.utilisation  # replicas' worth of load
    longest_ms = (affordable - found.spare_replicas) / carried * found.service_ms if carried else 0
    time = Interval(found.service_ms, found.service_ms_low, found.service_ms_high)
    return rows_to_settle(calls, time, longest_ms) if calls else None


def _cost(name: str, per: str, found: CostEvidence, ends: tuple[float, float], limit: float, calls: int) -> Check:
    point, high = ends
    outcome: Outcome = "pass" if high <= limit else "fail" if point > limit else "inconclusive"
    unit = f"USD {per}"
    needed = _needed(found, calls, point, limit) if outcome == "inconclusive" else None
    more = f"about {needed:,} timed calls would settle it" if needed else "time more calls"
    tails = {
        "pass": f"within the limit of {show(limit, unit)}",
        "fail": f"over the limit of {show(limit, unit)}; use a faster variant, a cheaper machine or larger batches",
        "inconclusive": f"on both sides of the limit of {show(limit, unit)}; {more} (measure.latency_calls)",
    }
    loaded = "" if found.loaded_ms is None else f", {found.loaded_ms:.3g} ms under load,"
    seen = found.sustained_per_second
    sustained = "" if not seen else f", each of which would sustain about {show(seen, 'a second')}"
    because = (
        f"The cost is {show(point, unit)}, up to {show(high, unit)}, with {found.replicas} replicas of {found.machine} "
        f"at {found.service_ms:.3g} ms a call{loaded} and {show(found.utilisation, 'share')} utilisation{sustained}, {tails[outcome]}"
    )
    return Check(
        name=name,
        outcome=outcome,
        observed=point,
        bound=high,
        limit=limit,
        unit=unit,
        because=because,
        needed=needed,
    )
