"""What the latency lab adds to the gates: a cliff's cause, the machine's noise, cold starts, the champion's times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import (
    CPU,
    CUDA,
    cold_start,
    evaluation,
    latency,
    memory,
    noise,
    paired,
    provider,
    seconds,
    start,
    turns,
    variant,
)
from support.gate_limits import check, judge

from tasks.evidence import BatchPeak, BatchTimes, PartTimes

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import ChampionLatency


def times(batch: int, session: float, elements: float = 40.0) -> BatchTimes:
    """Return calls that encode and decode in a tenth of a millisecond an item each, and spend the rest in the session."""
    parts = {"encode": 0.1 * batch, "session": session, "decode": 0.1 * batch}
    return BatchTimes(
        batch=batch,
        seconds=seconds(sum(parts.values()), 40, seed=batch),
        parts=tuple(PartTimes.model_validate({"part": k, "median_ms": v, "p99_ms": None}) for k, v in parts.items()),
        elements=elements,
    )


def regression(found: ChampionLatency | Any) -> GateResult:
    """Return the verdict on a variant that is as right as the champion."""
    return judge(
        "champion-regression",
        variant(evaluation=evaluation(against_champion=paired(40, 40, 4000)), champion_latency=found),
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


def test_a_lazy_first_request_fails_though_the_warm_up_reaches_it() -> None:
    """Two seconds at the first request are over half a second; the warm answer itself passes."""
    lazy = (start(first_answer_seconds=2.0, warmed=number > 2) for number in range(5))
    result = judge("cold-start", variant(cold_start=cold_start(*lazy)))
    assert (result.outcome, result.observed, result.unit) == ("fail", 2000, "ms")
    assert "load where the adapter is imported" in result.because
    assert check(result, "warm answer").outcome == "pass"


def test_what_the_warm_up_does_not_reach_fails() -> None:
    """The first request after the warm-up is held to what users are promised."""
    cold = (start(), start(warmed=True, calls_ms=(400.0, *[5.0] * 59)))
    result = judge("cold-start", variant(cold_start=cold_start(*cold, start(), start(), start())))
    assert (result.outcome, result.observed, result.limit) == ("fail", 400, 100)


def test_a_process_that_takes_too_long_to_start_fails_by_its_bound() -> None:
    """Slow imports fail at the median, one slow start of five does not settle it, and three are too few at 95%."""

    def started(*imports: float) -> GateResult:
        made = (start(imports_seconds=one, warmed=at == 1) for at, one in enumerate(imports))
        return judge("cold-start", variant(cold_start=cold_start(*made)))

    assert check(started(20, 20, 20, 20, 20), "ready").outcome == "fail"
    assert check(started(1, 1, 1, 1, 20), "ready").outcome == "inconclusive"
    few = check(started(1, 1, 1), "ready")
    assert (few.outcome, few.needed) == ("inconclusive", 5)


def test_a_cold_start_tells_when_it_was_steady() -> None:
    """The most calls of any process, and where one never settled, that."""
    steady = judge("cold-start", variant()).because
    assert steady.endswith("; steady after 2 calls, and the warm-up has 5")
    never = cold_start(*(start(settled_after=None, warmed=at == 0) for at in range(5)))
    assert "not steady within 60 calls" in judge("cold-start", variant(cold_start=never)).because


def test_a_start_without_a_warm_one_leaves_that_check_unmeasured() -> None:
    """No process that warmed up says nothing of the first answer after it."""
    result = judge("cold-start", variant(cold_start=cold_start(*(start() for _ in range(5)))))
    assert (result.outcome, check(result, "ready").outcome) == ("unmeasured", "pass")


@pytest.mark.parametrize(("ratio", "outcome"), [(1.0, "pass"), (1.2, "pass"), (1.5, "fail")])
def test_a_candidate_is_held_to_the_champions_time(ratio: float, outcome: str) -> None:
    """A quarter slower is allowed, though the machine became three times slower meanwhile."""
    result = regression(turns(ratio))
    assert check(result, "latency").outcome == outcome
    assert result.outcome == outcome
    assert (check(result, "latency").observed or 0) == pytest.approx(ratio)


def test_few_blocks_around_the_limit_settle_nothing() -> None:
    """Times that differ from block to block need more of them."""
    uneven = turns(1.2, blocks=8)
    blocks = tuple((a * (1 + at % 3), b, c, d) for at, (a, b, c, d) in enumerate(uneven.batches[0].blocks))
    wide = uneven.model_copy(update={"batches": (uneven.batches[0].model_copy(update={"blocks": blocks}),)})
    found = check(regression(wide), "latency")
    assert found.outcome in ("inconclusive", "fail")
    assert check(regression(turns(1.0, blocks=3)), "latency").outcome == "unmeasured"


def test_a_champion_that_was_not_timed_passes_nothing() -> None:
    """There is one, so its speed has to be known."""
    assert regression(variant().champion_latency).outcome == "unmeasured"
    assert check(regression(turns(1.0, batch=8)), "latency, batch 8").outcome == "pass"
