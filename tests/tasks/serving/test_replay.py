"""Recorded inputs answered again in a fresh process, on a graph of a few nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper

from tasks.core.errors import StageError
from tasks.core.records import Serving
from tasks.serving.golden import write_golden
from tasks.serving.replay import Flip, named_flips, replay
from tasks.serving.server import Answers

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

ADAPTER = """
import numpy as np
import pandas as pd

def build(checkpoint):
    raise NotImplementedError

def encode(rows):
    return {"x": rows[["x"]].to_numpy(dtype=np.float32)}

def decode(outputs):
    (y,) = outputs.values()
    if (y < LOWEST).any():
        raise ValueError("too low")
    return pd.DataFrame({"prediction": np.where(y[:, 0] > 0, "yes", "no"), "confidence": np.ones(len(y))})
"""


def test_a_replay_finds_each_flipped_decision(tmp_path: Path) -> None:
    """The recorded inputs are answered in a fresh process, and each answer that is another one is named by its row."""
    golden = _record(tmp_path, [-1.0, 2.0, -3.0, 0.5])
    same = replay("same", _serving(tmp_path, shift=0), golden, 60)
    moved = replay("moved", _serving(tmp_path, shift=1.5), golden, 60)
    assert same.same_decisions
    assert same.difference.bitwise
    assert not moved.same_decisions
    assert moved.flipped == (Flip(row=0, before="no", after="yes"),)
    assert moved.difference.flips == 1
    assert named_flips(moved.flipped * 5) == "row 0 was no and is yes; " * 3 + "and 2 more"


def test_a_replay_that_raises_is_an_error_and_one_that_crashes_has_no_result(tmp_path: Path) -> None:
    """An input that the adapter cannot answer any more is a difference with the reason; a lost graph is no result."""
    golden = _record(tmp_path, [-1.0, 2.0])
    broken = replay("broken", _serving(tmp_path, shift=-200), golden, 60)
    assert not broken.same_decisions
    assert "cannot be answered any more: decode raised ValueError: too low" in str(broken.difference.error)
    lost = _serving(tmp_path, shift=0).model_copy(update={"graphs": {"model": tmp_path / "gone.onnx"}})
    with pytest.raises(StageError, match=r"gone\.onnx"):
        replay("lost", lost, golden, 60)


def _record(folder: Path, values: list[float]) -> Path:
    path = folder / "golden.parquet"
    y = np.array(values, dtype=np.float32).reshape(-1, 1)
    frame = pd.DataFrame({"prediction": np.where(y[:, 0] > 0, "yes", "no"), "confidence": 1.0})
    write_golden(path, pd.DataFrame({"x": values}), Answers(frame, {"y": y}))
    return path


def _serving(folder: Path, shift: float) -> Serving:
    """Return how to serve y = x + shift."""
    (folder / "adapter.py").write_text(ADAPTER.replace("LOWEST", "-100"))
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "shift"], ["y"])], "add",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor("shift", TensorProto.FLOAT, [1], [shift])],
    )  # fmt: skip
    path = folder / f"model{shift}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return Serving(
        folder=folder, adapter=(folder / "adapter.py").relative_to(folder), graphs={"model": path}, target="cpu",
        threads=1, input_columns=("x",),
    )  # fmt: skip
