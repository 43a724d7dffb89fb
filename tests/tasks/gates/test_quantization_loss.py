"""The gate of what a variant loses against fp32, overall and by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.score_evidence import evaluation, paired, paired_slice

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import Paired


def quantized(found: Paired, name: str = "int8") -> GateResult:
    """Return the verdict on a variant against fp32."""
    return judge("quantization-loss", variant(name, evaluation=evaluation(against_reference=found)))


def test_a_variant_that_lost_five_points_fails() -> None:
    """The loss is positive, and its lower bound is what fails it."""
    result = quantized(paired(30, 180))
    assert (result.outcome, result.observed, result.unit) == ("fail", 0.05, "accuracy")
    assert 0.01 < (result.bound or 0) < 0.05


def test_equal_points_on_few_rows_are_inconclusive() -> None:
    """Ten wins and ten losses among 400 rows can't show that no point is lost."""
    result = quantized(paired(10, 10, 400))
    assert (result.outcome, result.observed) == ("inconclusive", 0)
    assert 2500 < (check(result, "overall").needed or 0) < 4000


def test_no_decision_changed_on_few_rows_is_inconclusive_too() -> None:
    """Even without a discordant row, 100 rows can't show a loss under one point; a plan is still given."""
    result = quantized(paired(0, 0, 100))
    assert result.outcome == "inconclusive"
    assert (check(result, "overall").needed or 0) > 100


def test_a_variant_worse_on_one_slice_fails_though_fine_overall() -> None:
    """The slice that lost decides, by name."""
    parts = (paired_slice("tweets", 5, 75, 700), paired_slice("reviews", 60, 10, 2300))
    result = quantized(paired(65, 85, 3000, *parts))
    assert result.outcome == "fail"
    assert "source=tweets" in result.because
    assert check(result, "source=reviews").outcome == "pass"


def test_a_small_slice_is_named_and_does_not_block() -> None:
    """A slice that can't be judged is said, not hidden, and a launch with one can pass."""
    result = quantized(paired(10, 10, 3000, paired_slice("faxes", 0, 40, 60, rows=80)))
    assert result.outcome == "pass"
    assert "not judged, with under 500 labelled rows: source=faxes (60)" in result.because


def test_a_slice_that_can_not_be_told_is_inconclusive() -> None:
    """A slice large enough to be judged has to show its own margin."""
    result = quantized(paired(10, 10, 3000, paired_slice("tweets", 60, 70, 600)))
    assert (result.outcome, "source=tweets" in result.because) == ("inconclusive", True)


def test_a_slice_without_rows_is_unmeasured() -> None:
    """A slice that was asked for and is not there can't pass."""
    assert quantized(paired(10, 10, 3000, paired_slice("tweets", 0, 0, 0, rows=0))).outcome == "unmeasured"


def test_a_variant_without_labels_is_unmeasured() -> None:
    """No label, no loss to speak of."""
    assert quantized(paired(0, 0, 0)).outcome == "unmeasured"


def test_fp32_is_the_reference() -> None:
    """The reference has nothing to lose against itself, but only where it answered."""
    assert "is the reference" in quantized(paired(0, 0, 100), name="fp32").because
    nothing = paired(0, 0, 0).model_copy(update={"overall": paired(0, 0, 0).overall.model_copy(update={"rows": 0})})
    assert quantized(nothing, name="fp32").outcome == "unmeasured"
