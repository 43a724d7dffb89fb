"""A timing request written for another machine, with its inputs encoded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.candidate.adapter import MODEL
from tasks.core.errors import StageError
from tasks.performance.latency.encoded import SHAPE
from tasks.performance.latency.request import Encoded
from tasks.serving.server import Server

if TYPE_CHECKING:
    from tasks.candidate.adapter import Arrays
    from tasks.core.records import Serving
    from tasks.core.settings import Measuring


MOST_ROWS = 2_000


def write_request(serving: Serving, rows: Path, measuring: Measuring, seed: int, into: Path) -> Path:
    """Write what `python -m tasks.performance.latency request.json`, run in the folder `into`, needs; return the request's path.

    That is the request, the first production rows' inputs encoded (`inputs.npz`), and the graph. Raises StageError where an
    answer takes several graph calls, which only the adapter can make, or where encoding does more than pad a batch.
    """
    from tasks.performance.latency.request import latency_request

    server = Server(serving)
    if not server.adapter.calls_one_graph:
        raise StageError(
            "an answer of this model takes several graph calls, which its adapter makes; time it with rows"
        )
    into.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = _encode(server, serving, rows)
    np.savez(into / "inputs.npz", **arrays)
    graph = serving.graphs[MODEL]
    for source in (graph, *graph.parent.glob("*.data")):
        target = into / source.name
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
    encoded = Encoded(graph=Path(graph.name), inputs=Path("inputs.npz"), target=serving.target, threads=serving.threads)
    asked = latency_request(measuring, seed, encoded=encoded)
    path = into / "request.json"
    path.write_text(asked.model_dump_json(indent=2), encoding="utf-8")
    return path


def _encode(server: Server, serving: Serving, rows: Path) -> Arrays:
    """Return each input of the rows that can be encoded as one padded array, and the sizes of each row alone."""
    import pandas as pd

    table = pd.read_parquet(rows, columns=list(serving.input_columns)).dropna().head(MOST_ROWS)
    table = server.adapter.answerable(table, MOST_ROWS)
    if table.empty:
        raise StageError("the production sample has no row with inputs to encode")
    whole = server.adapter.encode(table)
    alone = [server.adapter.encode(table.iloc[[row]].reset_index(drop=True)) for row in range(len(table))]
    arrays = dict(whole)
    for name, array in whole.items():
        shapes = np.array([one[name].shape[1:] for one in alone], dtype=np.int64).reshape(len(alone), array.ndim - 1)
        for row, one in enumerate(alone):
            cut: Any = (row, *(slice(0, size) for size in shapes[row]))
            kept = array[cut]
            if not np.array_equal(kept, one[name][0], equal_nan=array.dtype.kind == "f"):
                raise StageError(
                    f"encode gives the input {name} of a row other values beside other rows; time it with rows"
                )
        arrays[SHAPE + name] = shapes
    return arrays
