"""A graph served on inputs that were encoded before: with numpy and onnxruntime alone, without adapter or rows.

`write_request` encodes a served variant's rows once, so that a machine without the candidate's libraries can time it.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.adapter import MODEL, AdapterError
from tasks.latency.calls import Parts
from tasks.latency.timing import Encoded
from tasks.records import Serving, StageError
from tasks.serving import PROVIDERS, Server, open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.adapter import Arrays
    from tasks.policy import Measuring

MOST_ROWS = 2_000
SHAPE = "shape of "  # before an input's name: the sizes that each row alone would have


class EncodedServer:
    """One loaded graph and the inputs of `rows` requests, which `answer` takes by their numbers.

    Each array has shape [rows, ...], padded to the largest row; where the file also holds `shape of NAME` [rows,
    dimensions - 1], a batch is cut to the largest of its own rows, as an adapter pads it.
    Raises StageError where the session does not run on the target's provider, or the file lacks an input.
    """

    def __init__(self, encoded: Encoded) -> None:
        self.session = open_session(encoded.graph, encoded.target, encoded.threads)
        self.provider = self.session.get_providers()[0]
        if self.provider != PROVIDERS[encoded.target]:
            raise StageError(
                f"the target is {encoded.target}, but the session runs on {self.provider}; nothing measured there would "
                f"hold on the target. Run on a machine with {PROVIDERS[encoded.target]}"
            )
        wanted = [node.name for node in self.session.get_inputs()]
        self._outputs = [node.name for node in self.session.get_outputs()]
        with np.load(encoded.inputs) as kept:
            if missing := [name for name in wanted if name not in kept]:
                raise StageError(f"{encoded.inputs} lacks the graph's input {', '.join(missing)}; it has {kept.files}")
            self._inputs: Arrays = {name: kept[name] for name in wanted}
            self._shapes: Arrays = {name: kept[SHAPE + name] for name in wanted if SHAPE + name in kept}
        self.rows = min((len(array) for array in self._inputs.values()), default=0)

    def answer(self, indices: Sequence[int]) -> Arrays:
        """Answer these rows as one batch and return the outputs [rows, ...]. Raises AdapterError where the graph does."""
        return self._run(self._batch(np.asarray(indices)))

    def prepare(self, indices: Sequence[int]) -> np.ndarray:
        """Return the rows' numbers: gathering them into a batch is timed, in the place of encoding them."""
        return np.asarray(indices)

    def time(self, prepared: np.ndarray) -> Parts:
        """Answer rows as one batch."""
        begun = time.perf_counter()
        batch = self._batch(prepared)
        encoded = time.perf_counter()
        self._run(batch)
        done = time.perf_counter()
        elements = sum(array.size for array in batch.values())
        return Parts(encode=encoded - begun, session=done - encoded, decode=0.0, elements=elements)

    def _batch(self, indices: np.ndarray) -> Arrays:
        batch = {}
        for name, array in self._inputs.items():
            largest = self._shapes[name][indices].max(axis=0) if name in self._shapes else array.shape[1:]
            cut: Any = (indices, *(slice(0, int(size)) for size in largest))
            batch[name] = np.ascontiguousarray(array[cut])
        return batch

    def _run(self, batch: Arrays) -> Arrays:
        try:
            return dict(zip(self._outputs, self.session.run(None, batch), strict=True))
        except Exception as error:
            raise AdapterError(f"inference raised {type(error).__name__}: {error}") from error


def write_request(serving: Serving, rows: Path, measuring: Measuring, seed: int, into: Path) -> Path:
    """Write what `python -m tasks.latency request.json`, run in the folder `into`, needs; return the request's path.

    That is the request, the first production rows' inputs encoded (`inputs.npz`), and the graph. Raises StageError where an
    answer takes several graph calls, which only the adapter can make, or where encoding does more than pad a batch.
    """
    from tasks.latency.profile import latency_request

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
