"""The capacity gate: a replica's share of the peak against what it was seen to sustain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import ABSENT, variant
from support.speed_evidence import capacity

from tasks.evidence import Configuration
from tasks.gates.capacity import Limits, judge

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def judged(**changes: Any) -> GateResult:
    """Return the verdict on a replica that sustains 150 requests a second, of a peak of 400 that three replicas carry."""
    found = capacity(**({"peak_per_second": 400} | changes))
    return judge(variant("int8", capacity=found), Limits(severity="block", max_replicas=3))


def test_a_replica_that_covers_its_share_passes() -> None:
    """Its lower bound is over 133 a second, and the sentence says what was held at how many requests."""
    result = judged()
    assert (result.outcome, result.observed, result.bound, result.limit) == ("pass", 150, 143, pytest.approx(400 / 3))
    assert "99% of requests within 100 ms, one request at a time, over 3,600 requests in 8 runs," in result.because


def test_a_lock_that_serialises_requests_fails() -> None:
    """A quarter of the promised rate is short of the share, whatever the promise was."""
    result = judged(verified_per_second=40, low_per_second=38, high_per_second=43)
    assert (result.outcome, result.observed, result.bound) == ("fail", 40, 43)
    assert "let more replicas carry the peak" in result.because


def test_a_share_within_the_bounds_is_inconclusive() -> None:
    """Neither end decides; nor does a lower bound over the share when the rate that was driven is under it."""
    assert judged(peak_per_second=450).outcome == "inconclusive"
    assert judged(verified_per_second=130).outcome == "inconclusive"


@pytest.mark.parametrize("high", [None, 158])
def test_without_a_verified_rate_nothing_passes(high: float | None) -> None:
    """A lower bound alone was never driven."""
    assert judged(verified_per_second=None, high_per_second=high).outcome == "inconclusive"


def test_service_over_the_limit_fails() -> None:
    """No load is needed to see that no rate is within the limit."""
    result = judged(verified_per_second=None, low_per_second=0, high_per_second=0, probed=())
    assert (result.outcome, result.observed) == ("fail", 0)


def test_a_load_that_was_not_run_is_unmeasured() -> None:
    """The stage's reason is given."""
    result = judge(variant(capacity=ABSENT), Limits(severity="block", max_replicas=3))
    assert (result.outcome, "the machine was on fire" in result.because) == ("unmeasured", True)


def test_the_sentence_names_the_replica_and_the_most_that_was_asked_of_it() -> None:
    """Batches, their wait and the sessions are what the rate holds for; a rate at the ceiling may be more."""
    one = Configuration(batch_cap=8, longest_wait_seconds=0.005, threads=1, instances=2)
    because = judged(configuration=one, enough_per_second=150).because
    assert "in batches of up to 8 that wait 5 ms to fill, 2 sessions of 1 thread at once, over 3,600" in because
    assert "8 runs, the most that was asked of it, is 150 a second" in because
