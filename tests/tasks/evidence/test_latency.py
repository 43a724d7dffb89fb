"""Evidence of latency where parts of it are missing."""

from __future__ import annotations

from tasks.evidence import BatchTimes


def test_batches_without_parts_are_still_evidence() -> None:
    """Times alone, as of a batch size at which no call was answered, leave the rest out."""
    assert (BatchTimes(batch=8, seconds=()).parts, BatchTimes(batch=8, seconds=()).elements) == ((), None)
