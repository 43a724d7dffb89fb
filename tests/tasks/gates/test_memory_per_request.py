"""The gate of memory: what a request takes at each batch size, and the process in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.speed_evidence import memory

from tasks.evidence import BatchPeak, Device, Unmeasured

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def peaks(*found: tuple[int, float]) -> GateResult:
    """Return the verdict on (batch, millions of bytes over the warm process)."""
    each = tuple(BatchPeak(batch=size, peak_bytes=int(300e6 + mb * 1e6)) for size, mb in found)
    return judge("memory-per-request", variant(memory=memory(peaks=each)))


def test_an_activation_blow_up_at_batch_64_fails() -> None:
    """Ten MB a request at one batch size is over four, and the sentence names the batch."""
    result = peaks((1, 0.5), (32, 20), (64, 640))
    assert (result.outcome, result.observed, result.unit) == ("fail", 10, "MB")
    assert "batch 64" in result.because


def test_a_process_too_large_for_the_machine_fails() -> None:
    """Little memory a request can still be too much in all."""
    result = peaks((1, 0.5), (1024, 1300))
    assert (result.outcome, result.observed) == ("fail", 1600)
    assert check(result, "batch 1024").outcome == "pass"


def test_no_peak_is_unmeasured() -> None:
    """Memory that was not looked at is not zero."""
    assert peaks().outcome == "unmeasured"


def test_memory_on_the_gpu_is_held_where_it_is_the_target() -> None:
    """By the same division: what is held after a batch size, less that of the warm process."""
    gpu = Device(
        name="some", held_bytes=600_000_000, used_bytes=600_000_000, total_bytes=10**10, other_processes=0,
    )  # fmt: skip
    taken = (BatchPeak(batch=1, peak_bytes=300_500_000, device_bytes=601_000_000),)
    grown = (*taken, BatchPeak(batch=64, peak_bytes=300_500_000, device_bytes=1_200_000_000))
    unread = (*taken, BatchPeak(batch=64, peak_bytes=300_500_000))

    def judged(device: Device | Unmeasured, peaks: tuple[BatchPeak, ...]) -> GateResult:
        return judge("memory-per-request", variant(memory=memory(target="cuda", device=device, peaks=peaks)))

    assert judged(gpu, taken).outcome == "pass"
    assert (judged(gpu, grown).outcome, check(judged(gpu, grown), "device: batch 64").observed) == ("fail", 9.375)
    assert judged(gpu, unread).outcome == "unmeasured"
    none = judged(Unmeasured(stage="device memory", why="NVML does not start"), taken)
    assert (none.outcome, "NVML does not start" in none.because) == ("unmeasured", True)
