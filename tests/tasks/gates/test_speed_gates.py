"""The gates of speed and size: latency, batch profile, memory a request, leaks, cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError
from support.gate_evidence import cost, latency, load, memory, seconds, soak, variant
from support.gate_limits import check, judge, limits

from tasks.evidence import BatchPeak, BatchTimes, Device, Unmeasured
from tasks.performance.memory.soak_worker import REQUESTS_A_CYCLE, SOAK_BATCHES

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def timed(*values: float, batch: int = 1) -> GateResult:
    """Return the verdict on the given calls."""
    return judge("latency-slo", variant(latency=latency(BatchTimes(batch=batch, seconds=values))))


def profile(*batches: tuple[int, float], calls: int = 40) -> GateResult:
    """Return the verdict on (batch, median milliseconds a call)."""
    times = (BatchTimes(batch=size, seconds=seconds(ms, calls, seed=size)) for size, ms in batches)
    return judge("batch-profile", variant(latency=latency(*times)))


def peaks(*found: tuple[int, float]) -> GateResult:
    """Return the verdict on (batch, millions of bytes over the warm process)."""
    each = tuple(BatchPeak(batch=size, peak_bytes=int(300e6 + mb * 1e6)) for size, mb in found)
    return judge("memory-per-request", variant(memory=memory(peaks=each)))


def leak(**changes: Any) -> GateResult:
    """Return the verdict on a soak."""
    return judge("memory-leak", variant(memory=memory(**changes)))


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
    result = judge("latency-slo", variant(load=load(*rng.choice([5.0, 150.0], 3000, p=[0.7, 0.3]).tolist())))
    assert (result.outcome, check(result, "p50 under load").outcome) == ("fail", "pass")
    assert {one.name for one in result.checks if one.outcome == "fail"} == {
        "p90 under load", "p95 under load", "p99 under load",
    }  # fmt: skip
    assert "3,000 requests at 120 a second" in check(result, "p99 under load").because


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
    """Of 2,400 requests 12 are slow: far apart they are few enough for p99; in one cluster nothing is known."""
    apart = [150.0 if at % 200 == 60 else 5.0 for at in range(2400)]
    together = [150.0 if 300 <= at < 312 else 5.0 for at in range(2400)]
    one, other = (judge("latency-slo", variant(load=load(*each))) for each in (apart, together))
    assert check(one, "p90 under load").outcome == check(other, "p90 under load").outcome == "pass"
    assert check(other, "p99 under load").outcome == "inconclusive"
    assert (check(other, "p99 under load").needed or 0) > (check(one, "p99 under load").needed or 2400)


def test_slow_phases_far_below_the_limit_are_no_doubt() -> None:
    """A machine that is slower for some calls makes clusters at 9 ms, which say nothing of 100 ms."""
    phases = [9.0 if at // 40 % 2 else 5.0 for at in range(2400)]
    assert judge("latency-slo", variant(load=load(*phases))).outcome == "pass"


def test_too_few_requests_have_no_tail() -> None:
    """Fewer than 20 requests above p99 may have missed what makes it, however fast all of them were."""
    result = judge("latency-slo", variant(load=load(*[5.0] * 1500)))
    assert (check(result, "p95 under load").outcome, check(result, "p99 under load").outcome) == (
        "pass",
        "inconclusive",
    )
    assert check(result, "p99 under load").needed == 2000


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


@pytest.mark.parametrize("kept", [150, 400])
def test_a_list_that_keeps_every_output_fails(kept: int) -> None:
    """A few hundred bytes a request are seen in what Python allocated, though resident memory may hide them."""
    result = leak(soak_python=soak(5_000_000, kept))
    assert (result.outcome, result.observed) == ("fail", kept)
    assert check(result, "resident").outcome == "pass"


def test_a_small_native_leak_fails_by_what_the_allocator_handed_out() -> None:
    """A hundred bytes a request are below what resident memory shows, and Python did not ask for them."""
    result = leak(soak_native=soak(60_000_000, 120))
    assert (result.outcome, check(result, "python").outcome, check(result, "resident").outcome) == (
        "fail",
        "pass",
        "pass",
    )


def test_an_allocator_that_does_not_tell_is_unmeasured() -> None:
    """Without its count a small native leak could not be seen, so it is not passed."""
    untold = leak(soak_native=())
    assert untold.outcome == "unmeasured"
    assert "measure." not in check(untold, "native").because


def test_a_native_leak_fails_by_resident_memory() -> None:
    """What neither Python nor the allocator sees still fills the machine."""
    result = leak(soak_rss=soak(300_000_000, 50_000))
    assert (result.outcome, check(result, "python").outcome) == ("fail", "pass")


def test_memory_that_settles_is_no_leak() -> None:
    """Caches and arenas that fill at first are left out of the slope."""
    assert leak(soak_python=soak(5_000_000, 0, settling=1_000_000)).outcome == "pass"


def test_an_arena_that_leaps_twice_late_in_the_soak_is_inconclusive() -> None:
    """It may have settled or not; a longer soak would tell."""
    leaps = tuple(
        (calls, size + 2_000_000 * (index >= 15) + 2_000_000 * (index >= 20))
        for index, (calls, size) in enumerate(soak(10**8, 2))
    )
    undecided = check(leak(soak_rss=leaps), "resident")
    assert (undecided.outcome, (undecided.needed or 0) > leaps[-1][0]) == ("inconclusive", True)


def test_a_soak_too_noisy_to_tell_is_inconclusive() -> None:
    """A slope within the limit whose bound is over it is not settled."""
    wobble = tuple((calls, size + 40_000 * (index * 7 % 5)) for index, (calls, size) in enumerate(soak(10**6, 10)))
    result = leak(soak_python=wobble)
    assert result.outcome == "inconclusive"
    assert (result.observed or 999) < 64 < (result.bound or 0)


def test_a_soak_of_few_points_is_unmeasured() -> None:
    """Seven points are no soak, and neither are many at the same request."""
    few = leak(soak_rss=soak(10**6, 0, points=7))
    assert few.outcome == "unmeasured"
    assert "soak for longer (measure.soak_seconds)" in check(few, "resident").because
    assert leak(soak_rss=((40, 10**6),) * 20).outcome == "unmeasured"


def test_a_slow_expensive_model_fails() -> None:
    """A bill over its limit fails with its size, replicas and service time."""
    bill = cost(usd_per_month=1575, usd_per_month_high=1650, replicas=21, service_ms=100)
    result = judge("unit-cost", variant(cost=bill))
    assert (result.outcome, result.observed, result.limit) == ("fail", 1575, 1000)
    assert "$1,575 a month" in result.because
    assert "21 replicas of c7a.large at 100 ms a call and" in result.because
    loaded = judge("unit-cost", variant(cost=bill.model_copy(update={"loaded_ms": 125.0})))
    assert "at 100 ms a call, 125 ms under load, and" in loaded.because


def test_a_cost_whose_high_end_is_over_is_inconclusive() -> None:
    """The point within the limit is not enough."""
    result = judge("unit-cost", variant(cost=cost(usd_per_thousand=0.009, usd_per_thousand_high=0.012)))
    assert (result.outcome, result.observed, result.bound) == ("inconclusive", 0.009, 0.012)
    assert check(result, "thousand").needed is not None


def test_an_undecided_cost_says_how_many_calls_would_tell() -> None:
    """Three replicas are affordable to 10 ms a call with one to spare; 9 ± 2 ms of 3,500 calls take four times as many."""
    bill = cost(service_ms=9, service_ms_low=7, service_ms_high=11, usd_per_month=225, usd_per_month_high=300)
    result = judge("unit-cost", variant(cost=bill), max_usd_per_month=250)
    assert result.outcome == "inconclusive"
    undecided = check(result, "month")
    assert undecided.needed == pytest.approx(3500 * 4, abs=1)
    assert f"about {undecided.needed:,} timed calls would settle it" in undecided.because


def test_replicas_that_load_asks_for_are_not_spare() -> None:
    """By calls of 9 ms two would carry the peak and under load it took three: with a spare one, five carry 20 ms a call."""
    bill = cost(
        service_ms=9, service_ms_low=7, service_ms_high=21, replicas=4, replicas_high=6, usd_per_month=300,
        usd_per_month_high=450,
    )  # fmt: skip
    undecided = check(judge("unit-cost", variant(cost=bill), max_usd_per_month=375), "month")
    assert undecided.outcome == "inconclusive"
    assert undecided.needed == pytest.approx(3500 * (12 / 11) ** 2, abs=1)


def test_an_undecided_leak_says_how_long_a_soak_would_tell() -> None:
    """Growth under the limit whose bound is over it: the soak it takes is longer, by less than its square."""
    noise = np.random.default_rng(1).normal(0, 20_000, 25)
    points = tuple((calls, int(size + each)) for (calls, size), each in zip(soak(5_000_000, 30), noise, strict=True))
    result = leak(soak_python=points)
    undecided = check(result, "python")
    assert (undecided.outcome, (undecided.needed or 0) > points[-1][0]) == ("inconclusive", True)
    each = f"{REQUESTS_A_CYCLE / len(SOAK_BATCHES):.1f} for each of measure.soak_calls, within measure.soak_seconds"
    assert f"requests in the soak ({each}) would settle it" in undecided.because
