"""A torch model exported to ONNX graphs."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tasks.candidate.adapter import MODEL, Adapter, Arrays, recording
from tasks.candidate.folder import model_digest
from tasks.core.errors import ModelError, StageError
from tasks.core.files import digest, digest_of
from tasks.core.records import Candidate, Variant
from tasks.core.store import build_once
from tasks.serving.server import lengths
from tasks.variants.torch_model import TorchModel, named_outputs, tensors

if TYPE_CHECKING:
    import pandas as pd
    import torch


OPSET = 20
EXPORTERS = ("torch", "onnx", "onnxscript", "onnx-ir", "numpy")  # all that shapes a graph, folded constants included
EXTERNAL_DATA_FROM_BYTES = 1_500_000_000  # protobuf messages end at 2 GB
MADE_BY = ("export.py", "torch_model.py")  # of this folder, all that makes a graph: what changes them makes it anew
TRACE_ROWS = 3  # a batch of one would be baked in as a constant


@dataclass(frozen=True)
class _Trace:
    """What the exporter is shown of a graph: the inputs of one call, and which axes of each vary from call to call."""

    inputs: Arrays
    axes: dict[str, tuple[int, ...]]

    def signature(self) -> dict[str, tuple[str, list[int | None]]]:
        """Return each input's type and shape, None for the axes that vary."""
        return {
            name: (
                str(array.dtype),
                [None if axis in self.axes[name] else size for axis, size in enumerate(array.shape)],
            )
            for name, array in self.inputs.items()
        }


def export_model(candidate: Candidate, production: Path) -> Variant:
    """Return the `fp32` variant: the model as `build` made it, exported by torch's dynamo exporter with opset 20.

    The sample of `production` only sets which axes vary. Each module is exported as delivered, training mode included: what that does to answers is for parity to find.

    Raises StageError where the model can't be exported.
    """
    import pandas as pd

    adapter = Adapter(candidate.resolve(candidate.adapter))
    checkpoint = candidate.resolve(candidate.checkpoint.path)
    traces = _traces(adapter, checkpoint, pd.read_parquet(production, columns=list(candidate.columns.input)))
    made_by = [version(name) for name in EXPORTERS]
    shown = {name: trace.signature() for name, trace in traces.items()}
    key = digest_of(
        "export",
        model_digest(candidate),
        shown,
        OPSET,
        made_by,
        [digest(Path(__file__).with_name(name)) for name in MADE_BY],
    )
    folder = build_once(key, lambda draft: _export(adapter, checkpoint, traces, draft))
    notes = orjson.loads((folder / "notes.json").read_bytes())
    graphs = {name: folder / f"{name}.onnx" for name in traces}
    return Variant(name="fp32", sha256=key, graphs=graphs, size_bytes=_size(folder), notes=tuple(notes))


def _traces(adapter: Adapter, checkpoint: Path, inputs: pd.DataFrame) -> dict[str, _Trace]:
    """Return what the exporter is shown of each graph, from calls with batches of different sizes and lengths.

    Raises StageError where there are too few rows, and ModelError where a graph is never called.
    """
    inputs = inputs.dropna()
    if len(inputs) <= TRACE_ROWS:
        raise StageError(
            f"export needs more than {TRACE_ROWS} production rows with inputs, but the sample has {len(inputs)}"
        )
    ordered = inputs.iloc[np.argsort(lengths(inputs), kind="stable")]
    starts = (
        (ordered.iloc[len(ordered) // 2 :], TRACE_ROWS),
        (ordered, TRACE_ROWS - 1),
        (ordered.iloc[::-1], TRACE_ROWS + 1),
    )
    batches = [adapter.encode(adapter.answerable(rows, count)) for rows, count in starts]
    if adapter.calls_one_graph:
        return {MODEL: _trace(*batches)}
    model = TorchModel(adapter, adapter.build(checkpoint))
    calls: dict[str, list[Arrays]] = {name: [] for name in model.modules}
    for batch in batches:
        adapter.infer(recording(model.run, calls), batch)
    if idle := ", ".join(name for name, made in calls.items() if not made):
        raise ModelError(f"infer never calls the graph {idle}; call it, or leave it out of what build returns")
    return {name: _trace(max(made, key=_values), *made) for name, made in calls.items()}


def _trace(shown: Arrays, *others: Arrays) -> _Trace:
    """Return one call's inputs and the axes whose size differs in another call."""
    axes = {
        name: tuple(
            axis
            for axis in range(array.ndim)
            if any(
                name in other and other[name].shape[axis : axis + 1] != array.shape[axis : axis + 1] for other in others
            )
        )
        for name, array in shown.items()
    }
    return _Trace(shown, axes)


def _values(inputs: Arrays) -> int:
    """Count the values of a call: the exporter takes an axis of size 0 or 1 for a constant, so a large one is shown."""
    return sum(array.size for array in inputs.values())


def _export(adapter: Adapter, checkpoint: Path, traces: dict[str, _Trace], folder: Path) -> None:
    modules, notes = adapter.build(checkpoint), []
    for name, trace in traces.items():
        notes += _export_graph(modules[name], trace, folder / f"{name}.onnx")
    (folder / "axes.json").write_bytes(orjson.dumps({name: trace.axes for name, trace in traces.items()}))
    (folder / "notes.json").write_bytes(orjson.dumps(notes))


def _export_graph(module: torch.nn.Module, trace: _Trace, path: Path) -> list[str]:
    """Write one graph, and return what there is to say about it. Raises ModelError where torch can't."""
    import onnx
    import torch

    inputs = tensors(trace.inputs)
    with torch.inference_mode():
        try:
            names = list(named_outputs(module(**inputs)))
        except Exception as error:
            raise ModelError(f"the model's forward raised {_first_line(error)}") from error
    notes = []
    try:
        program = _run_exporter(module, inputs, names, trace.axes, torch.export.Dim.DYNAMIC)
    except Exception as error:  # noqa: BLE001  the exporter raises many kinds; each means the same here
        notes.append(f"the exporter refused dynamic axes ({_first_line(error)}), so it chose which to keep")
        try:
            program = _run_exporter(module, inputs, names, trace.axes, torch.export.Dim.AUTO)
        except Exception as second:
            raise ModelError(f"torch can't export the model: {_first_line(second)}") from second
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    program.save(str(path), external_data=size > EXTERNAL_DATA_FROM_BYTES)
    onnx.checker.check_model(str(path))
    return notes


def _run_exporter(module: torch.nn.Module, inputs: dict[str, torch.Tensor], names: list[str],
                  axes: dict[str, tuple[int, ...]], kind: Any) -> Any:  # fmt: skip
    import torch

    shapes = {name: dict.fromkeys(axes[name], kind) for name in inputs}
    quiet = io.StringIO()
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(
        logging.ERROR
    )  # of torchvision, not needed
    with warnings.catch_warnings(), contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        warnings.simplefilter("ignore")
        return torch.onnx.export(
            module, (), kwargs=inputs, dynamo=True, dynamic_shapes=shapes, input_names=list(inputs), output_names=names,
            opset_version=OPSET, verbose=False, optimize=True,
        )  # fmt: skip


def dynamic_axes(variant: Variant) -> dict[str, tuple[int, ...]]:
    """Return the axes of each input that vary, the input under its graph's name too where there are several."""
    saved = orjson.loads((next(iter(variant.graphs.values())).parent / "axes.json").read_bytes())
    return {
        name if graph == MODEL else f"{graph}.{name}": tuple(axes)
        for graph, inputs in saved.items()
        for name, axes in inputs.items()
    }


def _size(folder: Path) -> int:
    return sum(item.stat().st_size for item in folder.iterdir() if item.suffix in {".onnx", ".data"})


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:240]}" if lines else type(error).__name__
