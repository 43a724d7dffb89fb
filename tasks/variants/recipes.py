"""The quantization recipes; adding one is one function and one entry in `RECIPES`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np

    from tasks.candidate.adapter import Arrays
    from tasks.core.records import Target


@dataclass(frozen=True)
class Recipe:
    """How a variant is made from the fp32 graph, and the targets it is meant for."""

    make: Callable[[Path, Path, list[Arrays]], None] | None
    targets: tuple[Target, ...]
    calibrated: bool = False


def _int8_dynamic(source: Path, target: Path, _: list[Arrays]) -> None:
    """Weights to int8 per channel, activations at run time over the whole batch."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)


def _int8_static(source: Path, target: Path, calibration: list[Arrays]) -> None:
    """Weights and activations to int8 with ranges (MinMax) seen on the calibration set, as quantize-dequantize pairs."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        source, target, _Batches(calibration), quant_format=QuantFormat.QDQ, calibrate_method=CalibrationMethod.MinMax,
        weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8, per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm", "Conv"],
    )  # fmt: skip


def _fp16(source: Path, target: Path, _: list[Arrays]) -> None:
    """Weights and activations to half precision; inputs and outputs keep their types."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


RECIPES: dict[str, Recipe] = {
    "fp32": Recipe(None, ("cpu", "cuda")),
    "int8-dynamic": Recipe(_int8_dynamic, ("cpu",)),
    "int8-static": Recipe(_int8_static, ("cpu", "cuda"), calibrated=True),
    "fp16": Recipe(_fp16, ("cuda",)),
}


class _Batches:
    """The calibration batches in the shape that onnxruntime's calibrator reads."""

    def __init__(self, batches: list[Arrays]) -> None:
        self._batches: Iterator[Arrays] = iter(batches)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._batches, None)

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> Any:
        return next(self._batches)
