"""torch → ONNX: what varies, what is cached, and what is said of a model that can't be exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx
import pandas as pd
import pytest
from support.changed_tiny import changed
from support.tiny import write_tiny

from tasks.candidate.folder import load_candidate
from tasks.core.errors import ModelError, StageError
from tasks.variants.export import export_model
from tasks.variants.parity import failed_export
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Candidate, Variant
    from tasks.data.datasets import DataSets


def test_the_axes_that_vary_from_batch_to_batch_are_dynamic(fp32: Variant) -> None:
    """Rows and words vary, so neither is a constant of the graph, which onnx's checker accepts."""
    model = onnx.load(fp32.graphs["model"])
    onnx.checker.check_model(model)
    (words,) = model.graph.input
    assert words.name == "words"
    assert all(dimension.dim_param for dimension in words.type.tensor_type.shape.dim)
    assert fp32.size_bytes == fp32.graphs["model"].stat().st_size


def test_an_unchanged_candidate_is_exported_once(tiny: Candidate, sets: DataSets, fp32: Variant) -> None:
    """The graph is known by what determines it, and the second export finds it."""
    written = fp32.graphs["model"].stat().st_mtime_ns
    again = export_model(tiny, sets.production)
    assert again == fp32
    assert again.graphs["model"].stat().st_mtime_ns == written


def test_another_log_and_name_leave_the_graph_as_it_is(tmp_path: Path, sets: DataSets, fp32: Variant) -> None:
    """What the exporter sees is the model and the shape of its inputs, so nothing else asks for another export."""
    again = export_model(
        load_candidate(write_tiny(tmp_path / "again", settings={"name": "another"}), RECIPES), sets.production
    )
    assert again == fp32


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("            present = ", "            raise RuntimeError('no such layer')\n            present = "),
         "the model's forward raised RuntimeError: no such layer"),
        (("            present = ", "            if words.sum().item() % 2:\n                words = words + 0\n            present = "),
         "torch can't export the model"),
        (("net.load_state_dict(weights)", "net.load_state_dict({})"), r"build\(weights.safetensors\) raised RuntimeError: .*state_dict"),
        (("    found = [", "    raise KeyError('text')\n    found = ["), "encode raised KeyError: 'text' at adapter.py:"),
    ],
)  # fmt: skip
def test_a_model_that_cannot_be_exported_is_a_finding(
    sets: DataSets, tmp_path: Path, change: tuple[str, str], wanted: str
) -> None:
    """A forward that fails, control flow on values, weights that do not fit, an encode that always raises: all the model's."""
    with pytest.raises(ModelError, match=wanted):
        export_model(changed(tmp_path, change), sets.production)
    assert failed_export("why").error == "why"


def test_rows_that_encode_refuses_do_not_stop_the_export(sets: DataSets, tmp_path: Path) -> None:
    """The shortest and longest rows are the likeliest to fail, and the evaluation counts them."""
    refuses = "assert rows['text'].str.count(' ').between(1, 9).all()\n    found = ["
    variant = export_model(changed(tmp_path, ("found = [", refuses)), sets.production)
    assert variant.graphs["model"].exists()


def test_too_few_rows_are_a_gap_and_no_finding(tiny: Candidate, sets: DataSets, tmp_path: Path) -> None:
    """Without production rows nothing can be said of the model."""
    few = tmp_path / "few.parquet"
    pd.read_parquet(sets.production).head(2).to_parquet(few)
    with pytest.raises(StageError, match="more than 3 production rows with inputs, but the sample has 2") as raised:
        export_model(tiny, few)
    assert not isinstance(raised.value, ModelError)
