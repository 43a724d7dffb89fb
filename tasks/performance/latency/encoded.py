"""A graph served on inputs that were encoded before: with numpy and onnxruntime alone, without adapter or rows.

`write_request` in offline.py encodes a served variant's rows once, so that a machine without the candidate's libraries can
time it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.candidate.adapter import AdapterError
from tasks.core.errors import StageError
from tasks.performance.latency.calls import Parts
from tasks.serving.server import PROVIDERS, open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.candidate.adapter import Arrays
    from tasks.performance.latency.request import Encoded


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
