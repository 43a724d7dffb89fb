"""The gate of the batch profile: an item's time does not jump with the batch, and a cliff is told with its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.gate_evidence import CPU, CUDA, provider, variant
from support.gate_limits import check, judge
from support.speed_evidence import latency, memory, seconds

from tasks.evidence import BatchPeak, BatchTimes, PartTimes

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def profile(*batches: tuple[int, float], calls: int = 40) -> GateResult:
    """Return the verdict on (batch, median milliseconds a call)."""
    times = (BatchTimes(batch=size, seconds=seconds(ms, calls, seed=size)) for size, ms in batches)
    return judge("batch-profile", variant(latency=latency(*times)))


def test_a_layer_that_grows_with_the_square_of_the_batch_is_a_cliff() -> None:
    """An item at batch 128 that takes twice the best smaller one's time fails, and the sentence names both."""
    result = profile((1, 5), (32, 64), (64, 128), (128, 512))
    assert result.outcome == "fail"
    assert result.observed == pytest.approx(2, rel=0.05)
    assert "batch 128, against the best smaller batch (" in result.because
    assert check(result, "batch 32").outcome == "pass"


def test_a_cliff_is_seen_against_the_best_and_not_only_the_next_smaller_batch() -> None:
    """A slope of small steps adds up: each batch is held against the fastest before it."""
    result = profile((1, 1), (8, 8 * 1.4), (128, 128 * 1.9))
    assert (check(result, "batch 8").outcome, check(result, "batch 128").outcome) == ("pass", "fail")


def test_noise_around_the_limit_is_inconclusive() -> None:
    """A ratio within the limit whose bound is over it is not settled, and asks for more calls."""
    noisy = tuple(value for _ in range(8) for value in (0.1, 0.13, 0.3))
    times = (BatchTimes(batch=1, seconds=seconds(0.8, 24)), BatchTimes(batch=128, seconds=noisy))
    result = judge("batch-profile", variant(latency=latency(*times)))
    assert result.outcome == "inconclusive"
    assert (result.observed or 9) < 1.5 < (result.bound or 0)
    assert (check(result, "batch 128").needed or 0) > 24


def test_a_profile_that_stops_short_is_unmeasured() -> None:
    """Batches up to the one asked for must be there; a single one has nothing to be held against."""
    assert profile((1, 5), (64, 100)).outcome == "unmeasured"
    assert profile((128, 100)).outcome == "unmeasured"
    stalled = latency(BatchTimes(batch=1, seconds=seconds(5, 40)), BatchTimes(batch=128, seconds=()))
    assert judge("batch-profile", variant(latency=stalled)).outcome == "unmeasured"


def test_a_batch_with_too_few_calls_for_a_median_is_unmeasured() -> None:
    """Four calls bound no median."""
    times = (BatchTimes(batch=1, seconds=seconds(5, 40)), BatchTimes(batch=128, seconds=seconds(100, 4)))
    result = judge("batch-profile", variant(latency=latency(*times)))
    assert (result.outcome, "take more calls" in result.because) == ("unmeasured", True)


def test_the_same_times_get_the_same_verdict() -> None:
    """The bootstrap is seeded."""
    assert profile((1, 5), (128, 600)) == profile((1, 5), (128, 600))


def times(batch: int, session: float, elements: float = 40.0) -> BatchTimes:
    """Return calls that encode and decode in a tenth of a millisecond an item each, and spend the rest in the session."""
    parts = {"encode": 0.1 * batch, "session": session, "decode": 0.1 * batch}
    return BatchTimes(
        batch=batch,
        seconds=seconds(sum(parts.values()), 40, seed=batch),
        parts=tuple(PartTimes.model_validate({"part": k, "median_ms": v, "p99_ms": None}) for k, v in parts.items()),
        elements=elements,
    )


def test_a_cliff_is_told_with_what_grew_at_it() -> None:
    """The session, padding, memory and nodes elsewhere; what did not grow is not blamed."""
    profile = latency(times(1, 5), times(32, 64), times(128, 1280, elements=120))
    peaks = (BatchPeak(batch=32, peak_bytes=332_000_000), BatchPeak(batch=128, peak_bytes=1_324_000_000))
    found = variant(latency=profile, memory=memory(peaks=peaks), provider=provider(CUDA, CPU))
    told = judge("batch-profile", found).because
    assert "100% of the rise is in session" in told
    assert "padding: an item's inputs hold 3 times as many values" in told
    assert "memory: an item takes 8 MB, and 1 MB there" in told
    assert "provider: 40 nodes ran elsewhere than on CUDAExecutionProvider" in told
    plain = judge("batch-profile", variant(latency=latency(times(1, 5), times(32, 64), times(128, 1280)))).because
    assert "padding" not in plain
    assert "memory" not in plain
    assert "provider" not in plain


def test_without_parts_a_cliff_is_told_all_the_same() -> None:
    """Times alone say that something grows."""
    profile = latency(*(BatchTimes(batch=size, seconds=seconds(ms, 40)) for size, ms in ((1, 5), (128, 3000))))
    assert (
        "something grows faster than the batch; serve batches below 128"
        in judge("batch-profile", variant(latency=profile, memory=memory(peaks=()))).because
    )
