"""One call timed in its parts, and what can be called: a served variant on rows, or a graph on inputs encoded before."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tasks.candidate.adapter import Arrays
    from tasks.serving.server import Server


class Parts(NamedTuple):
    """Seconds of one call, and `elements`, how many values its encoded inputs held.

    `steps` counts the calls of the graph that is called again and again, if there is one; `first` and `last` are the
    seconds from the beginning to the end of the first and last of them.
    """

    encode: float
    session: float
    decode: float
    elements: int
    steps: int = 0
    first: float = 0.0
    last: float = 0.0

    @property
    def seconds(self) -> float:
        """The whole call."""
        return self.encode + self.session + self.decode


class TimedCalls(Protocol):
    """Something that answers rows by their number, from 0 to `rows`."""

    rows: int

    def prepare(self, indices: Sequence[int]) -> Any:
        """Return what `time` is given for these rows: all that a request brings with it, made before the clock runs."""

    def time(self, prepared: Any) -> Parts:
        """Answer prepared rows as one batch. Raises ModelError where the adapter or the graph does."""


class RowCalls:
    """Calls of a served variant on rows of a frame."""

    def __init__(self, server: Server, inputs: pd.DataFrame) -> None:
        self.rows = len(inputs)
        self._server, self._inputs = server, inputs
        self._step: str | None = None

    def prepare(self, indices: Sequence[int]) -> pd.DataFrame:
        """Return a frame of these rows."""
        return self._inputs.iloc[list(indices)].reset_index(drop=True)

    def time(self, prepared: pd.DataFrame) -> Parts:
        """Answer a frame as one batch."""
        ends: list[tuple[str, float]] = []

        def run(graph: str, inputs: Arrays) -> Arrays:
            outputs = self._server.run(graph, inputs)
            ends.append((graph, time.perf_counter()))
            return outputs

        adapter = self._server.adapter
        begun = time.perf_counter()
        batch = adapter.encode(prepared)
        encoded = time.perf_counter()
        outputs = adapter.infer(run, batch)
        inferred = time.perf_counter()
        adapter.decode(outputs, len(prepared))
        done = time.perf_counter()
        steps = self._steps(ends)
        return Parts(
            encode=encoded - begun,
            session=inferred - encoded,
            decode=done - inferred,
            elements=sum(array.size for array in batch.values()),
            steps=len(steps),
            first=steps[0] - begun if steps else 0.0,
            last=steps[-1] - begun if steps else 0.0,
        )

    def _steps(self, ends: list[tuple[str, float]]) -> list[float]:
        """Return when each step ended; the graph of steps is the first one seen more than once in a call."""
        if self._step is None and ends:
            graph, times = Counter(graph for graph, _ in ends).most_common(1)[0]
            self._step = graph if times > 1 else None
        return [end for graph, end in ends if graph == self._step]
