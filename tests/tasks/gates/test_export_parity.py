"""The gate of the export: the graph answers as torch does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.gate_evidence import difference, export, launch
from support.gate_limits import check, judge

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import Difference


def parity(*cases: Difference, **changes: Any) -> GateResult:
    """Return the verdict on an export with the given cases."""
    return judge("export-parity", launch(export=export(*cases, **changes)))


def test_a_model_that_can_not_be_exported_fails() -> None:
    """The exporter's reason is the sentence."""
    result = parity(error="aten::foo has no ONNX form")
    assert (result.outcome, "aten::foo" in result.because) == ("fail", True)


def test_a_shape_baked_in_at_export_fails() -> None:
    """A case that the graph can't run fails, however well the others went."""
    result = parity(difference("batch 3"), difference("batch 7", error="Got: 7 Expected: 3"))
    assert result.outcome == "fail"
    assert "batch 7" in result.because
    assert "Expected: 3" in result.because


def test_dropout_left_on_fails_and_is_named() -> None:
    """Decisions that flip fail, and modules left in training mode are named."""
    result = parity(difference("batch 1", flips=80, max_relative=0.7), training_modules=("dropout1",))
    assert result.outcome == "fail"
    assert "left in training mode by build(): dropout1" in result.because
    assert check(result, "flips").outcome == "fail"


def test_an_op_with_other_semantics_fails_by_its_difference_alone() -> None:
    """A difference of 5% that flips no decision yet is another function."""
    result = parity(difference("batch 1"), difference("batch 2", max_relative=0.05))
    assert (result.outcome, result.observed, result.limit) == ("fail", 0.05, 0.01)
    assert check(result, "flips").outcome == "pass"


def test_flips_are_counted_over_all_cases_together() -> None:
    """Two cases of 160 rows show what one of 320 would, and one of them alone does not."""
    assert parity(difference("batch 1", rows=160), difference("batch 2", rows=160)).outcome == "pass"
    short = parity(difference("batch 1", rows=160))
    assert (short.outcome, short.observed) == ("inconclusive", 0)
    assert check(short, "flips").needed == 299


def test_parity_without_rows_or_numbers_is_unmeasured() -> None:
    """A case that compared nothing is no parity."""
    assert parity().outcome == "unmeasured"
    assert parity(difference("batch 1", rows=0)).outcome == "unmeasured"
    assert parity(difference("batch 1"), difference("batch 2", max_relative=None)).outcome == "unmeasured"
