"""torch → ONNX, and the proof that the graph says what torch says."""

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

from tasks.adapter import Adapter, AdapterError, Arrays
from tasks.candidate import candidate_digest
from tasks.compare import compare
from tasks.evidence import Difference, ExportEvidence
from tasks.files import digest, digest_of
from tasks.records import Candidate, ModelError, Serving, StageError, Target, Variant
from tasks.serving import Answers, Server, batches, join, lengths
from tasks.store import build_once

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from tasks.policy import Measuring

OPSET = 20
EXPORTERS = ("torch", "onnx", "onnxscript", "onnx-ir", "numpy")  # all that shapes a graph, folded constants included
EXTERNAL_DATA_FROM_BYTES = 1_500_000_000  # protobuf messages end at 2 GB
BATCH_CASES = {1: 64, 2: 64, 7: 70, 32: 128, 64: 128, 128: 256}  # batch size → rows compared at it
EDGE_ROWS = 8
TRACE_ROWS = 3  # a batch of one would be baked in as a constant


@dataclass(frozen=True)
class _Trace:
    """What the exporter is shown: one batch, and which axes of each input vary from batch to batch."""

    batch: Arrays
    axes: dict[str, tuple[int, ...]]


def export_model(candidate: Candidate, production: Path) -> Variant:
    """Return the `fp32` variant: the model as `build` made it, exported by torch's dynamo exporter with opset 20.

    The sample of `production` only sets which axes vary. The module is exported as delivered, training mode included: what that does to answers is for parity to find.

    Raises StageError where the model can't be exported.
    """
    import pandas as pd

    adapter = Adapter(candidate.resolve(candidate.adapter))
    trace = _trace(adapter, pd.read_parquet(production, columns=list(candidate.columns.input)))
    made_by = [version(name) for name in EXPORTERS]
    key = digest_of("export", candidate_digest(candidate), trace.axes, OPSET, made_by, digest(Path(__file__)))
    folder = build_once(key, lambda draft: _export(adapter, candidate, trace, draft))
    notes = orjson.loads((folder / "notes.json").read_bytes())
    path = folder / "model.onnx"
    return Variant(name="fp32", sha256=key, graphs={"model": path}, size_bytes=_size(folder), notes=tuple(notes))


def check_parity(
    candidate: Candidate, variant: Variant, target: Target, measuring: Measuring, production: Path, seed: int
) -> ExportEvidence:
    """Return how the exported graph answers production rows against torch in evaluation mode, batch by batch.

    Cases: batches of 1, 2, 7, 32, 64 and 128, and the shortest and longest inputs.
    """
    import pandas as pd
    import torch

    adapter = Adapter(candidate.resolve(candidate.adapter))
    module = adapter.build(candidate.resolve(candidate.checkpoint.path))
    training = tuple(_training(module))
    module.eval()
    server = Server(serving(candidate, variant, target, measuring.threads))

    def reference(part: pd.DataFrame) -> Answers:
        batch = adapter.encode(part)
        with torch.inference_mode():
            outputs = named_outputs(module(**{name: torch.from_numpy(array) for name, array in batch.items()}))
        arrays = {name: tensor.numpy() for name, tensor in outputs.items()}
        return Answers(adapter.decode(arrays, len(part)), arrays)

    def case(name: str, part: pd.DataFrame, batch: int) -> Difference:
        compared: list[tuple[Answers, Answers]] = []
        try:
            for few in batches(part, batch):
                try:
                    wanted = reference(few)
                except AdapterError:
                    continue  # the adapter itself fails on these rows: that is counted by evaluation
                compared.append((wanted, server.predict(few)))
        except AdapterError as error:
            return Difference(case=name, rows=len(part), error=str(error))
        if not compared:
            return Difference(case=name, rows=len(part), error="the adapter failed on every batch of this case")
        return compare(name, join([a for a, _ in compared]), join([b for _, b in compared]))

    inputs = pd.read_parquet(production, columns=list(candidate.columns.input)).dropna()
    inputs = inputs.sample(min(len(inputs), measuring.parity_rows), random_state=seed).reset_index(drop=True)
    by_length = inputs.iloc[np.argsort(lengths(inputs), kind="stable")]
    cases = [case(f"batch {size}", inputs.iloc[: max(count, size)], size) for size, count in BATCH_CASES.items()]
    cases.append(case("shortest inputs", by_length.iloc[:EDGE_ROWS], EDGE_ROWS))
    cases.append(case("longest inputs", by_length.iloc[-EDGE_ROWS:], EDGE_ROWS))
    axes = {str(name): tuple(dims) for name, dims in orjson.loads(_axes_file(variant).read_bytes()).items()}
    return ExportEvidence(
        exporter=f"torch {version('torch')} dynamo",
        opset=OPSET,
        dynamic_axes=axes,
        training_modules=training,
        parity=tuple(cases),
    )


def failed_export(why: str) -> ExportEvidence:
    """Return the evidence that the model could not be exported: that is a finding about the model, not a gap."""
    return ExportEvidence(
        exporter=f"torch {version('torch')} dynamo", opset=OPSET, dynamic_axes={}, training_modules=(), parity=(),
        error=why,
    )  # fmt: skip


def serving(candidate: Candidate, variant: Variant, target: Target, threads: int) -> Serving:
    """Return how to serve `variant` of `candidate`."""
    return Serving(
        folder=candidate.folder,
        adapter=candidate.adapter,
        graphs=variant.graphs,
        target=target,
        threads=threads,
        input_columns=candidate.columns.input,
    )


def named_outputs(outputs: Any) -> dict[str, torch.Tensor]:
    """Return what `forward` returned as name to tensor: a dict as it is, a tensor as `output`, a tuple as `output_0` …."""
    if isinstance(outputs, dict):
        return {str(name): tensor for name, tensor in outputs.items()}
    if isinstance(outputs, (tuple, list)):
        return {f"output_{index}": tensor for index, tensor in enumerate(outputs)}
    return {"output": outputs}


def _trace(adapter: Adapter, inputs: pd.DataFrame) -> _Trace:
    """Encode batches of different sizes and lengths; the axes whose size differs are the dynamic ones."""
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
    shown, *others = [adapter.encode(adapter.answerable(rows, count)) for rows, count in starts]
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


def _export(adapter: Adapter, candidate: Candidate, trace: _Trace, folder: Path) -> None:
    import onnx
    import torch

    module = adapter.build(candidate.resolve(candidate.checkpoint.path))
    inputs = {name: torch.from_numpy(array) for name, array in trace.batch.items()}
    with torch.inference_mode():
        try:
            names = list(named_outputs(module(**inputs)))
        except Exception as error:
            raise ModelError(f"the model's forward raised {type(error).__name__}: {_first_line(error)}") from error
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
    program.save(str(folder / "model.onnx"), external_data=size > EXTERNAL_DATA_FROM_BYTES)
    onnx.checker.check_model(str(folder / "model.onnx"))
    (folder / "axes.json").write_bytes(orjson.dumps(trace.axes))
    (folder / "notes.json").write_bytes(orjson.dumps(notes))


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


def _training(module: torch.nn.Module) -> list[str]:
    """Name the submodules in training mode whose answers depend on it."""
    import torch

    kinds = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._NormBase)  # noqa: SLF001  no public base
    return [name or "the model" for name, part in module.named_modules() if part.training and isinstance(part, kinds)]


def _axes_file(variant: Variant) -> Path:
    return variant.graphs["model"].parent / "axes.json"


def _size(folder: Path) -> int:
    return sum(item.stat().st_size for item in folder.iterdir() if item.suffix in {".onnx", ".data"})


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:240]}" if lines else type(error).__name__
