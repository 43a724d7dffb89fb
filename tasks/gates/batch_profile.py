"""Batching pays: no batch size is a cliff, where an item takes longer than it did in the best smaller batch.

At each batch size the ratio of the median time an item to that at the best smaller batch is held to the limit: a cliff
is a ratio whose lower bound is over it, and a ratio whose upper bound is within it passes. A profile that stops short of
the batch size asked for, or that holds a single one, is unmeasured. The sentence on a cliff names what grew with it:
the part of a call, padding (values of the encoded inputs an item), memory an item, and where nodes left the target.
"""

from statistics import median
from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import BatchTimes, LatencyEvidence, MemoryEvidence, ProviderEvidence, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rows_to_settle
from tasks.gates.verdict import Question, absent, at_most, unmeasured, verdict
from tasks.statistics import ratio_of_medians

NAME = "batch-profile"
CHECKLIST = "week 1-2"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("memory",)  # which can be the cause of a cliff
NEEDS = "the seconds of each call at every batch size"
DECIDES = "whether an item takes no longer in a larger batch than in the best smaller one"

SEED = 0  # the bootstrap's: the same evidence gets the same verdict
GROWN = 1.2  # an item's padding or memory, as a multiple of that at the best smaller batch, from which on it is a cause
MB = 1_000_000


class Limits(GateLimits):
    """What a cliff is, and how far the profile must reach."""

    max_per_item_ratio: Annotated[
        float, Field(ge=1, description="largest time an item, as a multiple of that at the best smaller batch")
    ]
    largest_batch: Annotated[int, Field(ge=2, description="batch size that the profile must reach")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's batch profile."""
    found = evidence.latency
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    note = found.noise.note if found.noise else ""
    return verdict(NAME, CHECKLIST, limits, _checks(evidence, found, limits), variant=evidence.name, note=note)


def _checks(evidence: VariantEvidence, found: LatencyEvidence, limits: Limits) -> tuple[Check, ...]:
    timed = sorted((times for times in found.batches if times.seconds), key=lambda times: times.batch)
    largest = max((times.batch for times in timed), default=0)
    if largest < limits.largest_batch or len(timed) == 1:
        because = (
            f"The profile of {len(timed)} batch sizes reaches {largest}, not {limits.largest_batch}; "
            "measure from 1 to there (measure.batches, measure.batch_seconds)"
        )
        return (unmeasured("reach", because),)
    checks = []
    for index, times in enumerate(timed[1:], start=1):
        best = min(timed[:index], key=lambda smaller: median(_per_item(smaller)))
        checks.append(_ratio(times, best, limits, _cause(times, best, evidence)))
    return tuple(checks)


def _ratio(times: BatchTimes, best: BatchTimes, limits: Limits, cause: str) -> Check:
    name = f"batch {times.batch}"
    try:
        ratio = ratio_of_medians(_per_item(times), _per_item(best), limits.confidence, SEED)
    except ValueError as error:
        because = f"The times at batch {times.batch} and {best.batch} can't be compared ({error}); take more calls"
        return unmeasured(name, because)
    question = Question(
        name,
        f"The time an item at batch {times.batch}, against the best smaller batch ({best.batch}),",
        "times",
        f"{cause}; serve batches below {times.batch}, or mend that",
        "calls at each of the two",
    )
    needed = rows_to_settle(min(len(times.seconds), len(best.seconds)), ratio, limits.max_per_item_ratio)
    return at_most(question, ratio, limits.max_per_item_ratio, limits.confidence, needed)


def _cause(times: BatchTimes, best: BatchTimes, evidence: VariantEvidence) -> str:
    """Return what grew with the time an item, as far as the other evidence tells."""
    found = [_slower_part(times, best)]
    if times.elements and best.elements and times.elements > GROWN * best.elements:
        found.append(f"padding: an item's inputs hold {times.elements / best.elements:.2g} times as many values")
    if isinstance(evidence.memory, MemoryEvidence):
        found.append(_more_memory(times.batch, best.batch, evidence.memory))
    if isinstance(evidence.provider, ProviderEvidence):
        found.append(_elsewhere(evidence.provider))
    return ", ".join(filter(None, found)) or "something grows faster than the batch"


def _slower_part(times: BatchTimes, best: BatchTimes) -> str:
    smaller = {part.part: part.median_ms / best.batch for part in best.parts}
    risen = {part.part: part.median_ms / times.batch - smaller.get(part.part, 0.0) for part in times.parts}
    whole = sum(rise for rise in risen.values() if rise > 0)
    if not whole:
        return ""
    part = max(risen, key=lambda name: risen[name])
    return f"{100 * risen[part] / whole:.0f}% of the rise is in {part}"


def _more_memory(batch: int, smaller: int, memory: MemoryEvidence) -> str:
    peaks = {peak.batch: (peak.peak_bytes - memory.warm_bytes) / peak.batch for peak in memory.peaks}
    if peaks.get(batch, 0) < MB or peaks[batch] < GROWN * peaks.get(smaller, 0):
        return ""
    return f"memory: an item takes {peaks[batch] / MB:.2g} MB, and {peaks.get(smaller, 0) / MB:.2g} MB there"


def _elsewhere(provider: ProviderEvidence) -> str:
    off = sum(provider.nodes.values()) - provider.nodes.get(provider.wanted_provider, 0)
    return f"provider: {off} nodes ran elsewhere than on {provider.wanted_provider}" if off else ""


def _per_item(times: BatchTimes) -> list[float]:
    return [seconds / times.batch for seconds in times.seconds]
