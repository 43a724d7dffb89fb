"""The highest rate that one replica sustains within its latency objective, against its share of the forecast peak.

The rate was verified on arrivals that no estimate had used before. The gate passes where that rate and the lower bound of
the capacity both cover the share, fails where even the upper bound does not, and is inconclusive in between, also where
no rate could be verified.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import CapacityEvidence, Configuration, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rows_to_settle
from tasks.gates.verdict import Question, absent, at_least, verdict

NAME = "capacity"
CHECKLIST = "week 1-2"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("capacity",)
NEEDS = "open-loop load runs of a replica around its capacity, and more of them on fresh arrivals"
DECIDES = "whether the highest rate that a replica sustains within its latency objective covers its share of the peak"


class Limits(GateLimits):
    """The replicas among which the forecast peak is spread."""

    max_replicas: Annotated[int, Field(ge=1, description="replicas that carry the peak, spare ones not counted")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's capacity."""
    found = evidence.capacity
    checks = (absent(found),) if isinstance(found, Unmeasured) else (_share(found, limits),)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


@dataclass(frozen=True, slots=True)
class _Sustained:
    """A capacity between its bounds, the lower of which is no higher than what was verified, and is none without that."""

    estimate: float
    low: float | None
    high: float | None


def _share(found: CapacityEvidence, limits: Limits) -> Check:
    share, verified = found.peak_per_second / limits.max_replicas, found.verified_per_second
    low = None if verified is None or found.low_per_second is None else min(verified, found.low_per_second)
    loaded = sum(one.requests for one in found.probed)
    one, enough = found.configuration, found.enough_per_second
    most = "" if enough is None or verified is None or verified < enough else ", the most that was asked of it"
    question = Question(
        "share of the peak",
        f"The rate that a replica sustains with {100 * found.objective.quantile:g}% of requests within "
        f"{1000 * found.objective.limit_seconds:g} ms, {_in_words(one)}, over {loaded:,} requests in "
        f"{len(found.probed)} runs{most},",
        "a second",
        "use a faster variant, let more replicas carry the peak, or find what the requests queue for",
        "runs",
    )
    seen = _Sustained(verified or 0.0, low, found.high_per_second)
    return at_least(question, seen, share, found.confidence, _needed(found, share))


def _in_words(one: Configuration) -> str:
    batches = "one request at a time" if one.batch_cap == 1 else f"in batches of up to {one.batch_cap}"
    wait = f" that wait {1000 * one.longest_wait_seconds:g} ms to fill" if one.longest_wait_seconds else ""
    threads = f", {one.instances} sessions of {one.threads or 'all'} thread{'' if one.threads == 1 else 's'} at once"
    return batches + wait + (threads if one.instances > 1 else "")


def _needed(found: CapacityEvidence, share: float) -> int | None:
    """Count the runs that tell the estimated capacity from the share; one more at least, to verify the rate on."""
    estimated = _Sustained(found.estimated_per_second, found.low_per_second, found.high_per_second)
    needed = rows_to_settle(len(found.probed), estimated, share)
    return None if needed is None else max(needed, len(found.probed) + 1)
