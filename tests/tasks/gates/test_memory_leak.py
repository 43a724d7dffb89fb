"""The gate of leaks: memory that a soak does not give back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.speed_evidence import memory, soak

from tasks.performance.memory.soak_worker import REQUESTS_A_CYCLE, SOAK_BATCHES

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def leak(**changes: Any) -> GateResult:
    """Return the verdict on a soak."""
    return judge("memory-leak", variant(memory=memory(**changes)))


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


def test_an_undecided_leak_says_how_long_a_soak_would_tell() -> None:
    """Growth under the limit whose bound is over it: the soak it takes is longer, by less than its square."""
    noise = np.random.default_rng(1).normal(0, 20_000, 25)
    points = tuple((calls, int(size + each)) for (calls, size), each in zip(soak(5_000_000, 30), noise, strict=True))
    result = leak(soak_python=points)
    undecided = check(result, "python")
    assert (undecided.outcome, (undecided.needed or 0) > points[-1][0]) == ("inconclusive", True)
    each = f"{REQUESTS_A_CYCLE / len(SOAK_BATCHES):.1f} for each of measure.soak_calls, within measure.soak_seconds"
    assert f"requests in the soak ({each}) would settle it" in undecided.because
