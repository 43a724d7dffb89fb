"""The gates that hold one run against another: export-parity, batch-invariance, repeatability, execution-provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import ABSENT, CPU, CUDA, determinism, difference, export, launch, provider, variant
from support.gate_limits import check, judge

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import Difference


def parity(*cases: Difference, **changes: Any) -> GateResult:
    """Return the verdict on an export with the given cases."""
    return judge("export-parity", launch(export=export(*cases, **changes)))


def invariance(*cases: Difference) -> GateResult:
    """Return the verdict on answers in other batches."""
    return judge("batch-invariance", variant(determinism=determinism(batches=cases)))


def repeated(*cases: Difference) -> GateResult:
    """Return the verdict on answers asked for again."""
    return judge("repeatability", variant(determinism=determinism(repeats=cases)))


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


def test_cuda_asked_for_where_there_is_none_fails() -> None:
    """A session that fell back to the CPU fails, whatever its nodes did."""
    result = judge("execution-provider", variant(provider=provider(CUDA, CPU)))
    assert result.outcome == "fail"
    assert "runs on CPUExecutionProvider, not on CUDAExecutionProvider" in result.because


def test_nodes_that_only_the_cpu_has_fail() -> None:
    """Half of the nodes elsewhere is a fallback, though the session's own provider is right."""
    found = provider(CUDA, CUDA, nodes={CUDA: 20, CPU: 20}, node_seconds={CUDA: 0.99, CPU: 0.01})
    result = judge("execution-provider", variant(provider=found))
    assert (result.outcome, result.observed, result.limit) == ("fail", 0.5, 0.1)


def test_a_slow_node_elsewhere_fails_by_its_time() -> None:
    """One node in 100 on the CPU that takes a third of the time fails."""
    found = provider(CUDA, CUDA, nodes={CUDA: 99, CPU: 1}, node_seconds={CUDA: 0.2, CPU: 0.1})
    result = judge("execution-provider", variant(provider=found))
    assert (result.outcome, check(result, "nodes").outcome, check(result, "time").outcome) == ("fail", "pass", "fail")


@pytest.mark.parametrize("changes", [{"nodes": {}}, {"node_seconds": {}}, {"node_seconds": {CPU: 0.0}}])
def test_an_empty_profile_is_unmeasured(changes: dict[str, Any]) -> None:
    """A provider that is not shown by its nodes is not shown."""
    assert judge("execution-provider", variant(provider=provider(**changes))).outcome == "unmeasured"


def test_one_stage_that_crashed_leaves_both_of_its_gates_unmeasured() -> None:
    """The determinism stage feeds two gates."""
    without = variant(determinism=ABSENT)
    assert {judge(gate, without).outcome for gate in ("batch-invariance", "repeatability")} == {"unmeasured"}
