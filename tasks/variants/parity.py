"""The exported graph held to torch on production rows, batch by batch."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from tasks.candidate.adapter import Adapter, AdapterError
from tasks.core.errors import StageError
from tasks.evidence import Difference, ExportEvidence
from tasks.serving.differences import compare_answers
from tasks.serving.server import Server, batches, join, lengths
from tasks.variants.export import OPSET, dynamic_axes
from tasks.variants.torch_model import TorchModel, modules_in_training

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tasks.core.records import Candidate, Serving, Variant
    from tasks.core.settings import Measuring


BATCH_CASES = {1: 64, 2: 64, 7: 70, 32: 128, 64: 128, 128: 256}  # batch size → rows compared at it
EDGE_ROWS = 8
AS_BUILT_BATCH = 32


def check_parity(
    candidate: Candidate, served: Serving, variant: Variant, measuring: Measuring, production: Path, seed: int
) -> ExportEvidence:
    """Return how the exported graph answers production rows against torch in evaluation mode, batch by batch.

    Cases: batches of 1, 2, 7, 32, 64 and 128, and the shortest and longest inputs. Where `build` left something in
    training mode, torch as built is held against torch in evaluation mode too: the exporter may drop what differs.
    """
    import pandas as pd

    adapter = Adapter(candidate.resolve(candidate.adapter))
    checkpoint = candidate.resolve(candidate.checkpoint.path)
    built, evaluated = TorchModel(adapter, adapter.build(checkpoint)), TorchModel(adapter, adapter.build(checkpoint))
    for module in evaluated.modules.values():
        module.eval()
    server = Server(served)
    inputs = pd.read_parquet(production, columns=list(candidate.columns.input)).dropna()
    inputs = inputs.sample(min(len(inputs), measuring.parity_rows), random_state=seed).reset_index(drop=True)
    try:
        cases = _cases(built, evaluated, server, inputs)
    except AdapterError:
        cases = _cases(built, evaluated, server, _answerable(evaluated, inputs))
    return ExportEvidence(
        exporter=f"torch {version('torch')} dynamo",
        opset=OPSET,
        dynamic_axes=dynamic_axes(variant),
        training_modules=tuple(modules_in_training(built.modules)),
        parity=cases,
    )


def _answerable(model: TorchModel, inputs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the adapter answers at all; the others are counted by the evaluation."""
    import pandas as pd

    kept = []
    pending = batches(inputs, AS_BUILT_BATCH)
    for part in pending:
        try:
            model.predict(part)
        except AdapterError:
            pending += batches(part, 1) if len(part) > 1 else []
        else:
            kept.append(part)
    if not kept:
        raise StageError(f"the adapter answered none of {len(inputs)} production rows")
    return pd.concat(kept, ignore_index=True)


def _cases(built: TorchModel, evaluated: TorchModel, server: Server, inputs: pd.DataFrame) -> tuple[Difference, ...]:
    """Hold the graph against torch at every batch size and at both edges. Raises AdapterError where torch can't answer."""
    by_length = inputs.iloc[np.argsort(lengths(inputs), kind="stable")]
    parts = [(f"batch {size}", inputs.iloc[: max(count, size)], size) for size, count in BATCH_CASES.items()]
    parts += [("shortest inputs", by_length.iloc[:EDGE_ROWS], EDGE_ROWS)]
    parts += [("longest inputs", by_length.iloc[-EDGE_ROWS:], EDGE_ROWS)]
    same = server.serving.marking.same
    cases = [_case(name, part, size, evaluated, server, same) for name, part, size in parts]
    if any(part.training for module in built.modules.values() for part in module.modules()):
        name, part, size = parts[list(BATCH_CASES).index(AS_BUILT_BATCH)]
        cases.append(_case(f"torch as built, {name}", part, size, evaluated, built, same))
    return tuple(cases)


def _case(
    name: str, part: pd.DataFrame, batch: int, wanted: TorchModel, given: Server | TorchModel, same: float
) -> Difference:
    """Hold two ways to run the model against each other on the same rows, `batch` at a time."""
    few = batches(part, batch)
    right = join([wanted.predict(rows) for rows in few])
    try:
        return compare_answers(name, right, join([given.predict(rows) for rows in few]), same)
    except AdapterError as error:
        return Difference(case=name, rows=len(part), error=str(error))


def failed_export(why: str) -> ExportEvidence:
    """Return the evidence that the model could not be exported: that is a finding about the model, not a gap."""
    return ExportEvidence(
        exporter=f"torch {version('torch')} dynamo", opset=OPSET, dynamic_axes={}, training_modules=(), parity=(),
        error=why,
    )  # fmt: skip
