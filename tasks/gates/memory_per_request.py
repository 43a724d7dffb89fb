"""What a request costs in memory while it is served, at each batch size, and the most that the process takes.

Memory a request is the peak of resident memory while one batch size is served, less that of the warm process, divided
by the batch; on a GPU also what the process then holds of the device's. Peaks are held as they are: a process that once
needed the memory needs it.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import MemoryEvidence, Unmeasured, VariantEvidence
from tasks.gates.verdict import Question, absent, exactly_at_most, unmeasured, verdict

NAME = "memory-per-request"
CHECKLIST = "week 5-6"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("memory",)
NEEDS = "the peak resident memory at every batch size"
DECIDES = "whether a request, and the whole process, fit the memory budget at every batch size"

BYTES_PER_MB = 1_000_000


class Limits(GateLimits):
    """The memory budget, in millions of bytes."""

    max_mb_per_request: Annotated[float, Field(gt=0, description="most memory a request, over the warm process")]
    max_device_mb_per_request: Annotated[
        float, Field(gt=0, description="most memory a request on the GPU, where one is the target")
    ]
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
        _a_request("memory", "", peak.batch, peak.peak_bytes - found.warm_bytes, limits.max_mb_per_request)
        for peak in found.peaks
    )
    device = _on_device(found, limits) if found.target != "cpu" else ()
    return (exactly_at_most(whole, top.peak_bytes / BYTES_PER_MB, limits.max_peak_mb), *each, *device)


def _on_device(found: MemoryEvidence, limits: Limits) -> tuple[Check, ...]:
    if isinstance(found.device, Unmeasured):
        return (absent(found.device),)
    warm, checks = found.device.held_bytes, []
    for peak in found.peaks:
        if peak.device_bytes is None:
            because = f"What batch {peak.batch} takes of the device was not read; keep other processes off it"
            checks.append(unmeasured(f"device: batch {peak.batch}", because))
            continue
        limit = limits.max_device_mb_per_request
        checks.append(_a_request("device memory", "device: ", peak.batch, peak.device_bytes - warm, limit))
    return tuple(checks)


def _a_request(what: str, prefix: str, batch: int, size: int, limit: float) -> Check:
    question = Question(
        f"{prefix}batch {batch}",
        f"The {what} a request at batch {batch}",
        "MB",
        f"serve batches below {batch}, or find which activation grows",
    )
    return exactly_at_most(question, size / batch / BYTES_PER_MB, limit)
