"""A cheaper variant made from the exported model by a recipe."""

from __future__ import annotations

import contextlib
import io
import logging
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import StageError
from tasks.core.files import digest, digest_of
from tasks.core.records import Candidate, Target, Variant
from tasks.core.store import build_once
from tasks.variants.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    import pandas as pd

    from tasks.candidate.adapter import Adapter, Arrays


CALIBRATION_BATCH = 16
MADE_BY = ("quantize.py", "recipes.py")  # of this folder, all that makes a variant: what changes them makes it anew


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
    made_by = [digest(Path(__file__).with_name(name)) for name in MADE_BY]
    key = digest_of(name, reference.sha256, rows, version("onnxruntime-gpu"), version("onnx"), made_by)
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

    from tasks.candidate.adapter import MODEL, Adapter, recording
    from tasks.serving.server import Server, batches, serving_of

    adapter = Adapter(candidate.resolve(candidate.adapter))
    inputs = pd.read_parquet(calibration, columns=list(candidate.columns.input)).dropna().head(rows)
    if inputs.empty:
        raise StageError(f"the calibration data {candidate.data.calibration} has no row with inputs")
    encoded = [_encode_batch(adapter, part) for part in batches(inputs, CALIBRATION_BATCH)]
    calls: dict[str, list[Arrays]] = {graph: [] for graph in reference.graphs}
    if adapter.calls_one_graph:
        calls[MODEL] = encoded
    else:
        server = Server(serving_of(candidate, reference, "cpu", threads=0))
        for batch in encoded:
            adapter.infer(recording(server.run, calls), batch)
    found = {}
    for graph, made in calls.items():
        kept = [node.name for node in onnx.load(reference.graphs[graph], load_external_data=False).graph.input]
        found[graph] = [{name: call[name] for name in kept} for call in made]
    return found


def _encode_batch(adapter: Adapter, part: pd.DataFrame) -> Arrays:
    """Return the encoded batch, without the rows that the adapter refuses. Raises AdapterError where it refuses all."""
    from tasks.candidate.adapter import AdapterError

    try:
        return adapter.encode(part)
    except AdapterError:
        return adapter.encode(adapter.answerable(part, len(part)))
