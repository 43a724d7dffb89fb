"""The gate of batches: an answer does not depend on its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.gate_evidence import ABSENT, determinism, difference, variant
from support.gate_limits import check, judge

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import Difference


def invariance(*cases: Difference) -> GateResult:
    """Return the verdict on answers in other batches."""
    return judge("batch-invariance", variant(determinism=determinism(batches=cases)))


def test_dynamic_scales_that_look_at_the_batch_fail() -> None:
    """Answers that change with the neighbours at one batch size fail, and the sentence names it."""
    result = invariance(difference("batch 32"), difference("batch 128", flips=30, max_relative=0.09))
    assert result.outcome == "fail"
    assert "batch 128" in result.because
    assert check(result, "batch 128: flips").outcome == "fail"
    assert check(result, "batch 32: flips").outcome == "pass"


def test_each_batch_size_must_show_its_own_flip_rate() -> None:
    """A batch size with few rows is inconclusive, whatever the others show."""
    result = invariance(difference("batch 32"), difference("batch 128", rows=128))
    assert (result.outcome, result.observed) == ("inconclusive", 0)
    assert check(result, "batch 128: flips").needed == 299


def test_a_flip_rate_under_the_limit_with_its_bound_over_it_is_inconclusive() -> None:
    """Four flips in 600 are under 1%, and may be 1.5%."""
    result = invariance(difference("batch 32", flips=4))
    assert result.outcome == "inconclusive"
    assert result.observed is not None
    assert result.observed < 0.01 < (result.bound or 0)


def test_a_batch_that_crashes_fails() -> None:
    """A batch size that can't be served is not invariant."""
    result = invariance(difference("batch 64", error="out of memory"))
    assert (result.outcome, "out of memory" in result.because) == ("fail", True)


def test_invariance_without_batches_is_unmeasured() -> None:
    """One batch size has nothing to be held against."""
    assert invariance().outcome == "unmeasured"
    assert invariance(difference("batch 32", rows=0)).outcome == "unmeasured"


def test_one_stage_that_crashed_leaves_both_of_its_gates_unmeasured() -> None:
    """The determinism stage feeds two gates."""
    without = variant(determinism=ABSENT)
    assert {judge(gate, without).outcome for gate in ("batch-invariance", "repeatability")} == {"unmeasured"}
