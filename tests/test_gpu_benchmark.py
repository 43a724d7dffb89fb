"""The GPU benchmark where there is no GPU: each figure is unmeasured with a reason, and what a CPU can check holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tasks.evidence import Unmeasured

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.append(str(BENCHMARKS))

import gpu  # noqa: E402
import gpu_figures  # noqa: E402
import gpu_graphs  # noqa: E402
from gpu_ways import Session, Way, ways  # noqa: E402


@pytest.fixture(scope="module")
def without_device() -> str:
    """Return why nothing runs on a GPU here."""
    why = gpu.reason_for_none()
    if why is None:
        pytest.skip("this machine has a GPU")
    return str(why)


@pytest.mark.process
def test_every_figure_of_the_gpu_is_unmeasured_with_a_reason(without_device: str, tmp_path: Path) -> None:
    """The command ends well, keeps nothing but the file that was asked for, and no figure in it is a number."""
    kept = BENCHMARKS / "results" / "gpu.json"
    before = kept.read_bytes() if kept.exists() else None
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--out", str(tmp_path / "gpu.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "all is unmeasured, since no session runs on a GPU here: " in done.stdout
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert list(found["device"]) == ["unmeasured"] or "why" in found["device"]
    assert set(found["figures"]) == {"encoder", "convolutions"}
    for figures in found["figures"].values():
        assert set(figures) == {"provider", "agreement", "times", "memory", "energy", "share"}
        assert all(figure == {"unmeasured": without_device} for figure in figures.values())
    assert (kept.read_bytes() if kept.exists() else None) == before


def graph(node: onnx.NodeProto, given: list[Any], weight: np.ndarray, output: list[Any]) -> onnx.ModelProto:
    """Return a graph of one node with one weight."""
    made = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(weight.astype(np.float32), "w")],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_operations_and_values_are_counted_by_hand() -> None:
    """A product of [2, 3, 4] and [4, 5] sums 4 pairs for each of 30 results; a convolution sums 2 * 3 * 3 for each of its."""
    product = graph(helper.make_node("MatMul", ["x", "w"], ["y"]), ["batch", 3, 4], np.ones((4, 5)), ["batch", 3, 5])
    assert gpu_graphs.counted(product, 2) == (2 * 30 * 4, 24 + 20 + 30)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2])
    convolved = graph(node, ["batch", 2, 8, 8], np.ones((4, 2, 3, 3)), ["batch", 4, 4, 4])
    assert gpu_graphs.counted(convolved, 3) == (2 * 3 * 64 * 18, 3 * 128 + 72 + 3 * 64)


def test_the_encoder_takes_what_its_sizes_say() -> None:
    """Six layers of four square products, two of the inner width, and two of attention over 128 tokens."""
    operations, _ = gpu_graphs.counted(gpu_graphs.encoder(), 1)
    layer = 4 * 128 * 384 * 384 + 2 * 128 * 384 * 1536 + 2 * 128 * 128 * 384
    assert operations == 2 * 6 * layer


def test_buffers_that_are_bound_give_the_answers_of_a_plain_run(tmp_path: Path) -> None:
    """On the CPU, where onnxruntime binds buffers too; half the precision is near."""
    model = gpu_graphs.convolutions()
    path = gpu_graphs.save(model, tmp_path / "convolutions.onnx")
    values = gpu_figures.inputs(model, 2)
    others = values[::-1].copy()
    plain = Session(path, Way(), "cpu").caller(values).answer(others)
    assert plain.shape == (2, 256)
    for way in (Way(buffers="device"), Way(buffers="pinned")):
        caller = Session(path, way, "cpu").caller(values)
        caller()
        assert np.array_equal(caller.answer(others), plain)
        assert not np.array_equal(caller.answer(values), plain)
    halved = gpu_graphs.half(model)
    kinds = {weight.data_type for weight in halved.graph.initializer if weight.dims}
    assert TensorProto.FLOAT not in kinds
    assert halved.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT
    onnx.checker.check_model(halved)


def test_every_way_is_named_apart_and_leaves_no_setting_to_a_default() -> None:
    """TF32, the search for convolutions, the arena and the recording of a graph are given in each."""
    for name in gpu_graphs.GRAPHS:
        named = [way.name for way in ways(name)]
        assert len(set(named)) == len(named)
        for way in ways(name):
            assert set(way.options()) == {
                "device_id", "use_tf32", "cudnn_conv_algo_search", "arena_extend_strategy", "enable_cuda_graph",
            }  # fmt: skip


def test_times_have_bounds_by_order() -> None:
    """The exact bounds of the median at 95%: the 40th and 61st of a hundred; of five times no two are enough."""
    found = gpu_figures.bounds([index / 1000 for index in range(1, 101)])
    assert found == pytest.approx({"median_ms": 50.5, "low_ms": 40, "high_ms": 61, "calls": 100})
    assert gpu_figures.bounds([0.003, 0.001, 0.002])["low_ms"] == 1


@pytest.mark.process
def test_a_small_run_on_the_cpu_gives_every_figure_or_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole benchmark, with one graph and two batches: times and agreement are numbers, what needs a device says so."""
    monkeypatch.setattr(gpu_figures, "BATCHES", (1, 2))
    monkeypatch.setattr(gpu_graphs, "IMAGE", 16)
    monkeypatch.setattr(gpu_graphs, "GRAPHS", {"convolutions": gpu_graphs.convolutions})
    (figures,) = gpu.measure("cpu", Unmeasured(stage="device", why="a CPU has none"), 0.01).values()
    assert figures["provider"]["fp32"]["nodes"].keys() == {"CPUExecutionProvider"}
    assert figures["agreement"]["fp32-device"] == 0
    assert figures["times"]["fp32-run"]["2"]["median_ms"] > 0
    assert figures["share"] == {"unmeasured": "a CPU has none"}
    assert tmp_path.exists()
