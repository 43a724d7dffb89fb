"""The latency gate: percentiles of single calls and under load against their budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError
from support.gate_evidence import variant
from support.gate_limits import check, judge, limits
from support.speed_evidence import latency, load, noise, seconds

from tasks.evidence import BatchTimes, Replica, Unmeasured

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult

BATCHED = Replica(largest_batch=2)  # whose services can't be told, so that the run's own values bound it


def timed(*values: float, batch: int = 1) -> GateResult:
    """Return the verdict on the given calls."""
    return judge("latency-slo", variant(latency=latency(BatchTimes(batch=batch, seconds=values))))


def test_every_percentile_is_a_check_with_its_own_bound() -> None:
    """Five percentiles, each held to its own budget in milliseconds."""
    result = judge("latency-slo", variant())
    loaded = ["p50 under load", "p90 under load", "p95 under load", "p99 under load"]
    assert [one.name for one in result.checks] == ["p50", "p90", "p95", "p99", "p99.9", *loaded]
    assert [one.limit for one in result.checks] == [50, 70, 80, 100, 200, 50, 70, 80, 100]
    assert all(one.observed is not None and one.bound is not None and one.unit == "ms" for one in result.checks)
    assert "batch 1" in check(result, "p50").because


def test_one_call_in_a_hundred_that_stalls_fails() -> None:
    """A stall that no p95 shows is a failure at p99.9."""
    result = timed(*(0.3 if index % 100 == 0 else 0.005 for index in range(3500)))
    assert (result.outcome, check(result, "p99.9").outcome, check(result, "p95").outcome) == ("fail", "fail", "pass")
    assert result.observed == 300


def test_a_queue_that_single_calls_do_not_show_fails() -> None:
    """Three requests in ten that wait 150 ms are over every budget from p90 on; single calls of 5 ms are within it."""
    rng = np.random.default_rng(8)
    result = judge("latency-slo", variant(load=load(*rng.choice([5.0, 150.0], 6300, p=[0.7, 0.3]).tolist())))
    assert (result.outcome, check(result, "p50 under load").outcome) == ("fail", "pass")
    assert {one.name for one in result.checks if one.outcome == "fail"} == {
        "p90 under load", "p95 under load", "p99 under load",
    }  # fmt: skip
    assert "6,300 requests at 120 a second" in check(result, "p99 under load").because


def test_requests_that_got_no_answer_count_as_the_slowest() -> None:
    """Two in a hundred that fail put p99 beyond any limit, and the sentence says how many they were."""
    result = judge("latency-slo", variant(load=load(*(None if at % 50 == 0 else 5.0 for at in range(3000)))))
    assert (result.outcome, check(result, "p99 under load").outcome) == ("fail", "fail")
    assert "Of 3,000 requests at 120 a second 60 got no answer" in check(result, "p99 under load").because
    assert "of which 60 got no answer" in check(result, "p50 under load").because


def test_a_load_that_was_not_offered_is_unmeasured_and_nothing_else() -> None:
    """Single calls within the budget don't stand for requests that queue."""
    result = judge("latency-slo", variant(load=Unmeasured(stage="fp32: load", why="the policy asks for no load")))
    assert (result.outcome, check(result, "p99.9").outcome) == ("unmeasured", "pass")
    assert "asks for no load" in result.because


def test_slow_requests_that_come_together_say_less_than_as_many_apart() -> None:
    """Of 6,300 requests 36 are slow: far apart they are few enough for p99; in one cluster nothing is known."""
    apart = [150.0 if at % 175 == 60 else 5.0 for at in range(6300)]
    together = [150.0 if 300 <= at < 336 else 5.0 for at in range(6300)]
    one, other = (judge("latency-slo", variant(load=load(*each, replica=BATCHED))) for each in (apart, together))
    assert check(one, "p90 under load").outcome == check(other, "p90 under load").outcome == "pass"
    assert check(one, "p99 under load").outcome == "pass"
    assert check(other, "p99 under load").outcome == "inconclusive"
    assert (check(other, "p99 under load").needed or 0) > 6300


def test_slow_phases_far_below_the_limit_are_no_doubt() -> None:
    """A machine that is slower for some calls makes clusters at 9 ms, which say nothing of 100 ms."""
    phases = [9.0 if at // 40 % 2 else 5.0 for at in range(6300)]
    assert judge("latency-slo", variant(load=load(*phases))).outcome == "pass"


def test_too_few_requests_have_no_tail() -> None:
    """Fewer than 60 requests above p99 may have missed what makes it, however fast all of them were."""
    result = judge("latency-slo", variant(load=load(*[5.0] * 1500)))
    assert (check(result, "p95 under load").outcome, check(result, "p99 under load").outcome) == (
        "pass",
        "inconclusive",
    )
    assert check(result, "p99 under load").needed == 6000


def test_too_few_calls_for_a_high_percentile_are_inconclusive_with_the_count_needed() -> None:
    """Fast calls alone don't bound p99.9: 2,995 are needed, and 299 for p99."""
    result = timed(*seconds(5, 200))
    assert result.outcome == "inconclusive"
    assert {one.name: one.needed for one in result.checks if one.outcome == "inconclusive"} == {
        "p99": 299,
        "p99.9": 2995,
    }
    assert check(result, "p99.9").bound is None
    assert check(result, "p95").outcome == "pass"


def test_enough_calls_settle_it() -> None:
    """The count that was asked for has a bound."""
    assert timed(*seconds(5, 2995)).outcome == "pass"


def test_a_percentile_within_its_budget_whose_bound_is_over_is_inconclusive() -> None:
    """Two slow calls in 3,500 leave p99.9 itself fast, but may be more than one in a thousand."""
    result = timed(*seconds(5, 3498), 0.5, 0.5)
    tail = check(result, "p99.9")
    assert result.outcome == "inconclusive"
    assert (tail.observed or 999) < 200 < (tail.bound or 0)
    assert (tail.needed or 0) > 3500


def test_a_slow_model_fails_at_the_median() -> None:
    """A median over its budget is no matter of tails."""
    result = timed(*seconds(120, 200))
    assert check(result, "p50").outcome == "fail"


def test_the_smallest_batch_measured_is_the_one_judged_and_named() -> None:
    """Where batch 1 was not timed, the verdict says which one it is about."""
    result = timed(*seconds(5, 3500), batch=8)
    assert (result.outcome, "batch 8" in check(result, "p50").because) == ("pass", True)


def test_no_timed_call_is_unmeasured() -> None:
    """A latency without calls is none."""
    assert timed().outcome == "unmeasured"


def test_p99_must_leave_half_of_the_hard_limit() -> None:
    """A budget without room for pauses is a mistake of the policy."""
    with pytest.raises(ValidationError, match="over half of hard_limit_ms"):
        limits("latency-slo", p99_ms=101)
    limits("latency-slo", p99_ms=100)


def test_a_budget_that_falls_is_refused() -> None:
    """A higher percentile is never faster than a lower one."""
    with pytest.raises(ValidationError, match="falls from one percentile to the next"):
        limits("latency-slo", p50_ms=90, p90_ms=60)


@pytest.mark.parametrize("gate", ["latency-slo", "batch-profile"])
def test_a_noisy_machine_is_named_in_the_sentence(gate: str) -> None:
    """A busy machine, or one that stops and goes, may be what was measured; a quiet one is not mentioned."""
    assert "noisy" not in judge(gate, variant(latency=latency().model_copy(update={"noise": noise()}))).because
    busy = latency().model_copy(update={"noise": noise(other_load=0.4)})
    assert judge(gate, variant(latency=busy)).because.endswith(
        "; the machine was noisy: other processes took 40% of the cores and the p99 of a fixed piece of work was 1.1 "
        "times its median"
    )
    unsteady = latency().model_copy(update={"noise": noise(other_load=None, control_p99_ms=3)})
    assert "noisy: the p99 of a fixed piece of work was 3.0 times" in judge(gate, variant(latency=unsteady)).because
