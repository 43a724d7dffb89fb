"""The gate of the cold start: until a process is ready, its first answer, and the first one after the warm-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.speed_evidence import cold_start, start

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


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
