"""Batching pays: no batch size is a cliff, where an item takes longer than it did in the best smaller batch.

At each batch size the ratio of the median time an item to that at the best smaller batch is held to the limit: a cliff
is a ratio whose lower bound is over it, and a ratio whose upper bound is within it passes. A profile that stops short of
the batch size asked for, or that holds a single one, is unmeasured.
"""

from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from tasks.evidence import BatchTimes, LatencyEvidence, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rows_to_settle
from tasks.gates.verdict import Question, absent, at_most, unmeasured, verdict
from tasks.records import Check, GateLimits, GateResult
from tasks.statistics import ratio_of_medians

NAME = "batch-profile"
CHECKLIST = "week 1-2"
SCOPE: Literal["launch", "variant"] = "variant"
NEEDS = "the seconds of each call at every batch size"
DECIDES = "whether an item takes no longer in a larger batch than in the best smaller one"

SEED = 0  # the bootstrap's: the same evidence gets the same verdict


class Limits(GateLimits):
    """What a cliff is, and how far the profile must reach."""

    max_per_item_ratio: Annotated[
        float, Field(ge=1, description="largest time an item, as a multiple of that at the best smaller batch")
    ]
    largest_batch: Annotated[int, Field(ge=2, description="batch size that the profile must reach")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's batch profile."""
    found = evidence.latency
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found, limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _checks(found: LatencyEvidence, limits: Limits) -> tuple[Check, ...]:
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
        checks.append(_ratio(times, best, limits))
    return tuple(checks)


def _ratio(times: BatchTimes, best: BatchTimes, limits: Limits) -> Check:
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
        f"serve batches below {times.batch}, or find what grows faster than the batch",
        "calls at each of the two",
    )
    needed = rows_to_settle(min(len(times.seconds), len(best.seconds)), ratio, limits.max_per_item_ratio)
    return at_most(question, ratio, limits.max_per_item_ratio, limits.confidence, needed)


def _per_item(times: BatchTimes) -> list[float]:
    return [seconds / times.batch for seconds in times.seconds]
