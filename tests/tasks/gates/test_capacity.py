"""The capacity gate: how many replicas carry the peak within the latency budget, against how many a policy allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import ABSENT, variant
from support.speed_evidence import load

from tasks.evidence import Replica
from tasks.gates.capacity import Limits, judge

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult

SLOW = [150.0] * 6300  # over the 100 ms that p99 may take
AT_THE_LIMIT = [150.0 if at % 100 == 0 else 5.0 for at in range(6300)]


def judged(*responses_ms: float | None, max_replicas: int = 3, **changes: Any) -> GateResult:
    """Return the verdict on a load of 120 requests a second on each of `carrying` replicas, where three may carry the peak."""
    found = load(*responses_ms, **({"carrying": 2, "peak_per_second": 240} | changes))
    return judge(variant("int8", load=found), Limits(severity="block", max_replicas=max_replicas))


def test_as_many_replicas_as_are_allowed_pass() -> None:
    """The sentence says how many carry what, and how one serves."""
    result = judged()
    assert (result.outcome, result.observed, result.limit, result.unit) == ("pass", 2, 3, "replicas")
    assert (
        "carry the peak of 240 a second within the latency budget, one request at a time at 120 a second each"
        in result.because
    )


def test_more_replicas_than_a_later_policy_allows_fail() -> None:
    """What was verified on two is not known of one."""
    assert judged(max_replicas=1).outcome == "fail"


def test_the_most_replicas_that_miss_the_budget_fail() -> None:
    """The percentile that is over is named with its bounds and limit, and what one replica would sustain."""
    result = judged(*SLOW, carrying=3)
    assert (result.outcome, result.observed) == ("fail", 3)
    assert "Even 3 replicas, the most that the policy allows, do not carry the peak" in result.because
    assert "p50 is between 150 ms and" in result.because
    assert "its limit 50 ms" in result.because
    assert "one would keep it up to about 150 a second" in result.because
    assert "allow more replicas (capacity.max_replicas)" in result.because


def test_fewer_replicas_that_miss_it_leave_open_what_more_would_do() -> None:
    """A policy that allows more than were tried asks for another launch."""
    result = judged(*SLOW, carrying=2)
    assert (result.outcome, "launch anew to try up to 3" in result.because) == ("inconclusive", True)


def test_a_percentile_at_its_limit_is_inconclusive() -> None:
    """One request in a hundred is over the limit of p99, as many as there may be."""
    result = judged(*AT_THE_LIMIT, carrying=3)
    assert result.outcome == "inconclusive"
    assert "It is not known whether 3 replicas carry the peak" in result.because
    assert "(measure.load_seconds)" in result.because


def test_a_load_that_was_not_run_is_unmeasured() -> None:
    """The stage's reason is given."""
    result = judge(variant(load=ABSENT), Limits(severity="block", max_replicas=3))
    assert (result.outcome, "the machine was on fire" in result.because) == ("unmeasured", True)
    assert judged(objectives=()).outcome == judged(runs=()).outcome == "unmeasured"


@pytest.mark.parametrize(
    ("replica", "words"),
    [
        (Replica(largest_batch=8, longest_wait_ms=5), "in batches of up to 8 that wait 5 ms to fill at 120 a second"),
        (
            Replica(largest_batch=1, instances=2, threads=1),
            "one request at a time, 2 sessions of 1 thread at once at 120",
        ),
    ],
)
def test_the_sentence_names_the_replica(replica: Replica, words: str) -> None:
    """Batches, their wait and the sessions are what the number holds for."""
    assert words in judged(replica=replica).because
