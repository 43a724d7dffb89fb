"""What a request costs in memory while it is served, at each batch size, and the most that the process takes.

Memory a request is the peak of resident memory while one batch size is served, less that of the warm process, divided
by the batch. Peaks are held as they are: a process that once needed the memory needs it.
"""

from typing import Annotated, Literal

from pydantic import Field

from tasks.evidence import MemoryEvidence, Unmeasured, VariantEvidence
from tasks.gates.verdict import Question, absent, exactly_at_most, unmeasured, verdict
from tasks.records import Check, GateLimits, GateResult

NAME = "memory-per-request"
CHECKLIST = "week 5-6"
SCOPE: Literal["launch", "variant"] = "variant"
NEEDS = "the peak resident memory at every batch size"
DECIDES = "whether a request, and the whole process, fit the memory budget at every batch size"

BYTES_PER_MB = 1_000_000


class Limits(GateLimits):
    """The memory budget, in millions of bytes."""

    max_mb_per_request: Annotated[float, Field(gt=0, description="most memory a request, over the warm process")]
    max_peak_mb: Annotated[float, Field(gt=0, description="most resident memory of the process")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's memory a request."""
    found = evidence.memory
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found, limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _checks(found: MemoryEvidence, limits: Limits) -> tuple[Check, ...]:
    if not found.peaks:
        return (unmeasured("peaks", "No peak was taken at any batch size; run the memory stage"),)
    top = max(found.peaks, key=lambda peak: peak.peak_bytes)
    whole = Question(
        "peak",
        f"The peak memory of the process (at batch {top.batch})",
        "MB",
        "serve smaller batches or a smaller variant, or take a larger machine",
    )
    each = tuple(
        exactly_at_most(
            Question(
                f"batch {peak.batch}",
                f"The memory a request at batch {peak.batch}",
                "MB",
                f"serve batches below {peak.batch}, or find which activation grows",
            ),
            (peak.peak_bytes - found.warm_bytes) / peak.batch / BYTES_PER_MB,
            limits.max_mb_per_request,
        )
        for peak in found.peaks
    )
    return (exactly_at_most(whole, top.peak_bytes / BYTES_PER_MB, limits.max_peak_mb), *each)
