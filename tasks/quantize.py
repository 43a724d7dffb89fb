"""Recipes that make a cheaper variant of the exported model; adding one is one function and one entry in `RECIPES`."""

from __future__ import annotations

import contextlib
import io
import logging
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.files import digest, digest_of
from tasks.records import Candidate, StageError, Target, Variant
from tasks.store import build_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import pandas as pd

    from tasks.adapter import Adapter, Arrays

CALIBRATION_BATCH = 16


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


def quantize(
    candidate: Candidate, reference: Variant, name: str, target: Target, calibration: Path, calibration_rows: int
) -> Variant:
    """Return the variant `name` made from the fp32 `reference`, calibrated on the first `calibration_rows` rows.

    Raises StageError where the recipe is not meant for the target, or fails.
    """
    recipe = RECIPES[name]
    if target not in recipe.targets:
        raise StageError(f"{name} is made for {' and '.join(recipe.targets)}; this launch's target is {target}")
    if recipe.make is None:
        return reference
    calls = _calibration_calls(candidate, reference, calibration, calibration_rows) if recipe.calibrated else {}
    rows = digest_of(
        {
            graph: [{key: digest_of(array.tolist()) for key, array in call.items()} for call in made]
            for graph, made in calls.items()
        }
    )
    key = digest_of(name, reference.sha256, rows, version("onnxruntime-gpu"), version("onnx"), digest(Path(__file__)))
    folder = build_once(key, lambda draft: _make(recipe, reference, calls, draft))
    graphs = {graph: folder / f"{graph}.onnx" for graph in reference.graphs}
    size = sum(path.stat().st_size for path in graphs.values())
    return Variant(name=name, sha256=key, graphs=graphs, size_bytes=size)


def _make(recipe: Recipe, reference: Variant, calls: dict[str, list[Arrays]], folder: Path) -> None:
    for graph, path in reference.graphs.items():
        _make_graph(recipe, path, calls.get(graph, []), folder / f"{graph}.onnx")


def _make_graph(recipe: Recipe, source: Path, calls: list[Arrays], target: Path) -> None:
    if recipe.make is None:
        return
    clean = target.with_name("clean.onnx")
    _drop_stale_shapes(source, clean)
    quiet = io.StringIO()
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            recipe.make(clean, target, calls)
    except Exception as error:
        raise StageError(f"quantization failed: {type(error).__name__}: {str(error)[:300]}") from error
    finally:
        logging.disable(logging.NOTSET)
    for item in target.parent.glob("clean*"):
        item.unlink()


def _drop_stale_shapes(source: Path, target: Path) -> None:
    """Drop the exporter's shapes of folded weights, which the quantizer's shape inference refuses."""
    import onnx

    model = onnx.load(source)
    del model.graph.value_info[:]
    onnx.save(model, target)


def _calibration_calls(
    candidate: Candidate, reference: Variant, calibration: Path, rows: int
) -> dict[str, list[Arrays]]:
    """Return the inputs of every call of each graph while the calibration rows are answered, those that the graph kept."""
    import onnx
    import pandas as pd

    from tasks.adapter import MODEL, Adapter, recording
    from tasks.export import serving
    from tasks.serving import Server, batches

    adapter = Adapter(candidate.resolve(candidate.adapter))
    inputs = pd.read_parquet(calibration, columns=list(candidate.columns.input)).dropna().head(rows)
    if inputs.empty:
        raise StageError(f"the calibration data {candidate.data.calibration} has no row with inputs")
    encoded = [_encode_batch(adapter, part) for part in batches(inputs, CALIBRATION_BATCH)]
    calls: dict[str, list[Arrays]] = {graph: [] for graph in reference.graphs}
    if adapter.calls_one_graph:
        calls[MODEL] = encoded
    else:
        server = Server(serving(candidate, reference, "cpu", threads=0))
        for batch in encoded:
            adapter.infer(recording(server.run, calls), batch)
    found = {}
    for graph, made in calls.items():
        kept = [node.name for node in onnx.load(reference.graphs[graph], load_external_data=False).graph.input]
        found[graph] = [{name: call[name] for name in kept} for call in made]
    return found


def _encode_batch(adapter: Adapter, part: pd.DataFrame) -> Arrays:
    """Return the encoded batch, without the rows that the adapter refuses. Raises AdapterError where it refuses all."""
    from tasks.adapter import AdapterError

    try:
        return adapter.encode(part)
    except AdapterError:
        return adapter.encode(adapter.answerable(part, len(part)))


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
