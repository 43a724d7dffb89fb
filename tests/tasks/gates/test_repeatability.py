"""The gate of repeats: the same request has the same answer again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.gate_evidence import determinism, difference, variant
from support.gate_limits import judge

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import Difference


def repeated(*cases: Difference) -> GateResult:
    """Return the verdict on answers asked for again."""
    return judge("repeatability", variant(determinism=determinism(repeats=cases)))


def test_one_flip_is_not_repeatable() -> None:
    """A single decision that changes between two identical requests fails, without any interval."""
    result = repeated(difference("repeated at once", rows=100), difference("fresh process", rows=100, flips=1))
    assert (result.outcome, result.observed, result.limit) == ("fail", 1, 0)
    assert "fresh process" in result.because


def test_noise_in_the_forward_pass_fails_before_it_flips_anything() -> None:
    """An unseeded random shows in the outputs."""
    result = repeated(difference("repeated at once", rows=100, max_relative=0.001))
    assert (result.outcome, result.observed) == ("fail", 0.001)


def test_repeats_that_broke_or_never_ran() -> None:
    """A repeat that broke fails, one that never ran is unmeasured."""
    assert repeated(difference("fresh process", error="3 values are finite in one run only")).outcome == "fail"
    assert repeated().outcome == "unmeasured"
    assert repeated(difference("fresh process", rows=0)).outcome == "unmeasured"
