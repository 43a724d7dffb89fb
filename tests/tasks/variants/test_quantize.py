"""Cheaper variants of the exported graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import pandas as pd
import pytest
from support.tiny import ADAPTER, write_tiny

from tasks.candidate.adapter import AdapterError
from tasks.candidate.folder import load_candidate
from tasks.core.errors import StageError
from tasks.serving.differences import compare_answers
from tasks.serving.server import Server, serving_of
from tasks.variants.quantize import quantize
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Candidate, Serving, Variant
    from tasks.data.datasets import DataSets


@pytest.mark.parametrize(
    ("name", "operator"), [("int8-dynamic", "DynamicQuantizeLinear"), ("int8-static", "QuantizeLinear")]
)
def test_a_variant_answers_nearly_as_fp32_does(
    tiny: Candidate, fp32: Variant, sets: DataSets, served: Serving, production: pd.DataFrame, name: str, operator: str
) -> None:
    """Each recipe gives another graph with 8-bit operators, whose decisions are nearly all the same."""
    variant = quantize(tiny, fp32, name, "cpu", sets.calibration, 64)
    assert variant.sha256 != fp32.sha256
    operators = {node.op_type for node in onnx.load(variant.graphs["model"]).graph.node}
    assert operator in operators
    rows = production.head(200)
    own = Server(serving_of(tiny, variant, "cpu", 1)).predict_in(rows, 32)
    found = compare_answers(name, Server(served).predict_in(rows, 32), own)
    assert found.flips <= 10
    assert not found.bitwise


def test_fp32_is_the_reference_itself(tiny: Candidate, fp32: Variant, sets: DataSets) -> None:
    """The recipe without a step returns what it was given."""
    assert quantize(tiny, fp32, "fp32", "cpu", sets.calibration, 64) is fp32


@pytest.mark.parametrize(("name", "target"), [("fp16", "cpu"), ("int8-dynamic", "cuda")])
def test_a_recipe_for_another_target_is_refused(
    tiny: Candidate, fp32: Variant, sets: DataSets, name: str, target: str
) -> None:
    """Half precision on a CPU would be measured as something that nobody runs."""
    with pytest.raises(StageError, match=f"{name} is made for .*; this launch's target is {target}"):
        quantize(tiny, fp32, name, target, sets.calibration, 64)  # type: ignore[arg-type]


def test_fp16_halves_the_weights(tiny: Candidate, fp32: Variant, sets: DataSets) -> None:
    """Weights are kept in half precision while inputs and outputs keep their types."""
    variant = quantize(tiny, fp32, "fp16", "cuda", sets.calibration, 64)
    graph = onnx.load(variant.graphs["model"]).graph
    assert onnx.TensorProto.FLOAT16 in {tensor.data_type for tensor in graph.initializer}
    assert graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_other_calibration_rows_make_another_variant(tiny: Candidate, fp32: Variant, sets: DataSets) -> None:
    """The ranges come from the calibration set, so it is part of what a static variant is known by."""
    few, more = (quantize(tiny, fp32, "int8-static", "cpu", sets.calibration, rows) for rows in (32, 64))
    assert few.sha256 != more.sha256
    dynamic = {quantize(tiny, fp32, "int8-dynamic", "cpu", sets.calibration, rows).sha256 for rows in (32, 64)}
    assert len(dynamic) == 1


def test_calibration_rows_that_encode_refuses_are_left_out(fp32: Variant, sets: DataSets, tmp_path: Path) -> None:
    """One bad row of the calibration set does not cost the variant; only bad rows do."""
    first = pd.read_parquet(sets.calibration)["text"][0]
    for condition, fails in ((f"{first!r} not in list(rows['text'])", False), ("False", True)):
        text = ADAPTER.replace("found = [", f"assert {condition}\n    found = [")
        candidate = load_candidate(write_tiny(tmp_path / str(fails), adapter=text), RECIPES)
        if fails:
            with pytest.raises(AdapterError):
                quantize(candidate, fp32, "int8-static", "cpu", sets.calibration, 32)
        else:
            assert quantize(candidate, fp32, "int8-static", "cpu", sets.calibration, 32).graphs["model"].exists()


def test_without_calibration_rows_there_is_no_static_variant(
    tiny: Candidate, fp32: Variant, sets: DataSets, tmp_path: Path
) -> None:
    """An empty calibration set gives no ranges."""
    empty = tmp_path / "empty.parquet"
    pd.read_parquet(sets.calibration).head(0).to_parquet(empty)
    with pytest.raises(StageError, match=r"the calibration data data/calibration.parquet has no row with inputs"):
        quantize(tiny, fp32, "int8-static", "cpu", empty, 64)


def test_every_recipe_says_what_it_is_for() -> None:
    """fp32 is made for every target, since the others are held against it."""
    assert RECIPES["fp32"].make is None
    assert set(RECIPES["fp32"].targets) == {target for recipe in RECIPES.values() for target in recipe.targets}
