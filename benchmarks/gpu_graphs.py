"""Graphs for the benchmark of a device, made with fixed seeds, and the operations and bytes that they take."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OPSET = 20
LAYERS, HIDDEN, HEADS, INNER, TOKENS = 6, 384, 12, 1536, 128  # MiniLM-L6's
CHANNELS, IMAGE = (3, 64, 64, 128, 128, 256, 256), 112


class _Graph:
    """Nodes and weights under way."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "input"
        self._shape, self._draw = shape, np.random.default_rng(0)

    def weight(self, *shape: int, ones: bool = False) -> str:
        name = f"weight_{len(self.weights)}"
        scale = 1 / math.sqrt(math.prod(shape[1:]) if len(shape) > 1 else shape[0])
        values = np.ones(shape) if ones else self._draw.normal(0, scale, shape)
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def constant(self, values: Any, kind: type = np.int64) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        self.last = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [self.last], name=self.last, **attributes))
        return self.last

    def model(self, output: Sequence[int | None]) -> onnx.ModelProto:
        self.nodes[-1].output[0] = "output"
        graph = helper.make_graph(
            self.nodes,
            "benchmark",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *self._shape])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", *output])],
            self.weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def encoder() -> onnx.ModelProto:
    """Return six layers of attention and feed-forward: input and output [batch, 128, 384]."""
    made, width = _Graph((TOKENS, HIDDEN)), HIDDEN // HEADS
    split = made.constant([0, TOKENS, HEADS, width])
    joined = made.constant([0, TOKENS, HIDDEN])
    scale = made.constant(1 / math.sqrt(width), np.float32)
    state = "input"

    def dense(values: str, rows: int, columns: int) -> str:
        return made.node("Add", made.node("MatMul", values, made.weight(rows, columns)), made.weight(columns))

    def normed(one: str, other: str) -> str:
        total = made.node("Add", one, other)
        return made.node("LayerNormalization", total, made.weight(HIDDEN, ones=True), made.weight(HIDDEN), axis=-1)

    for _ in range(LAYERS):
        query, key, value = (made.node("Reshape", dense(state, HIDDEN, HIDDEN), split) for _ in range(3))
        turned = made.node("Transpose", key, perm=[0, 2, 3, 1])
        scores = made.node("MatMul", made.node("Transpose", query, perm=[0, 2, 1, 3]), turned)
        shares = made.node("Softmax", made.node("Mul", scores, scale), axis=-1)
        seen = made.node("MatMul", shares, made.node("Transpose", value, perm=[0, 2, 1, 3]))
        flat = made.node("Reshape", made.node("Transpose", seen, perm=[0, 2, 1, 3]), joined)
        state = normed(state, dense(flat, HIDDEN, HIDDEN))
        inner = made.node("Gelu", dense(state, HIDDEN, INNER))
        state = normed(state, dense(inner, INNER, HIDDEN))
    return made.model((TOKENS, HIDDEN))


def convolutions() -> onnx.ModelProto:
    """Return six convolutions of 3 by 3, every other with a stride of 2: input [batch, 3, 112, 112], output [batch, 256]."""
    made = _Graph((CHANNELS[0], IMAGE, IMAGE))
    state = "input"
    for number, (before, after) in enumerate(pairwise(CHANNELS)):
        weights = made.weight(after, before, 3, 3)
        state = made.node("Conv", state, weights, pads=[1, 1, 1, 1], strides=[1 + number % 2] * 2)
        state = made.node("Relu", state)
    made.node("Flatten", made.node("GlobalAveragePool", state), axis=1)
    return made.model((CHANNELS[-1],))


GRAPHS = {"encoder": encoder, "convolutions": convolutions}


def half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph in float16, its input and output left in float32, by onnxruntime's own conversion."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    converted: onnx.ModelProto = convert_float_to_float16(copy, keep_io_types=True)
    OnnxModel(converted).topological_sort()  # the casts of inputs come last
    return converted


def save(model: onnx.ModelProto, path: Path) -> Path:
    """Write a checked graph to `path` and return it."""
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def counted(model: onnx.ModelProto, batch: int) -> tuple[int, int]:
    """Return (floating-point operations, values moved) of a call: those of MatMul, Gemm and Conv alone.

    A multiplication and an addition are two operations. Values are the operands and results of these nodes, as if nothing
    were fused: what a kernel keeps on the chip is then counted as moved.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in (*fixed.graph.input, *fixed.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = batch
    graph = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    shapes = {value.name: _sizes(value) for value in (*graph.value_info, *graph.input, *graph.output)}
    shapes |= {weight.name: list(weight.dims) for weight in graph.initializer}
    operations = values = 0
    for node in graph.node:
        if node.op_type not in ("MatMul", "Gemm", "Conv"):
            continue
        operands, result = [shapes[name] for name in node.input if name], shapes[node.output[0]]
        # each result of a MatMul sums over the last size of its left operand, of a Conv over its kernel's sizes
        summed = operands[0][-1] if node.op_type != "Conv" else math.prod(operands[1][1:])
        operations += 2 * math.prod(result) * summed
        values += sum(map(math.prod, operands)) + math.prod(result)
    return operations, values


def _sizes(value: onnx.ValueInfoProto) -> list[int]:
    return [size.dim_value for size in value.type.tensor_type.shape.dim]
