"""The process whose memory is watched: it serves what it is told to, and counts what was allocated in it.

`python -m tasks.performance.memory.soak_worker` reads an SoakOpening and then Steps from its standard input, one JSON a line, and answers each.
"""

from __future__ import annotations

import ctypes
import gc
import tracemalloc
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.candidate.adapter import MOST_REFUSALS
from tasks.core.errors import StageError
from tasks.core.records import Record, Serving
from tasks.core.worker import answer_requests
from tasks.serving.server import Server, batches, lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

SOAK_BATCHES = (1, 2, 1, 4, 1, 8, 1, 1)  # batch sizes alternate, single calls as most of them
REQUESTS_A_CYCLE = sum(SOAK_BATCHES)
CALLS_PER_PEAK = 3
PROBE_BYTES = 1 << 16  # below the size from which glibc maps, or freeing it would raise that size
MALLINFO = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class SoakOpening(Record):
    """What to serve: rows of a Parquet file, in an order that `seed` draws, and how many cycles a soak has at most."""

    serving: Serving
    rows: Path
    seed: int
    cycles: int


class Step(Record):
    """What to do next.

    `load` the model; `warm` it with a few calls; `draw` the rows of calls of `batch`, the longest among them, and then `call`
    with them; serve `count` more cycles of the `plain` soak, or of the `traced` one, on other rows.
    """

    what: Literal["load", "warm", "draw", "call", "plain", "traced"]
    batch: int = 1
    count: int = 1


class SoakReading(Record):
    """What is allocated now, in bytes: by Python and numpy while that is traced, and by the C library where it tells.

    Rows were collected as garbage before.
    """

    python_bytes: int | None
    native_bytes: int | None


class Soaked:
    """A served variant, and the rows that it is still to be asked."""

    def __init__(self, opening: SoakOpening) -> None:
        import pandas as pd

        inputs = pd.read_parquet(opening.rows, columns=list(opening.serving.input_columns)).dropna()
        if inputs.empty:
            raise StageError("the production sample has no row with inputs to serve")
        self._opening = opening
        self._draw = np.random.default_rng(opening.seed)
        inputs = inputs.iloc[self._draw.permutation(len(inputs))]
        half = max(1, len(inputs) // 2)
        self._inputs = inputs.iloc[:half]
        self._unseen = inputs.iloc[len(inputs) // 2 :]  # for the second soak: what is cached by input would be there
        self._server: Server | None = None
        self._parts: list[pd.DataFrame] = []
        self._cycles: dict[str, list[list[dict[str, list[Any]]]]] = {}
        self._served = {"plain": 0, "traced": 0}

    def take(self, step: Step) -> SoakReading:
        """Take one step. Raises StageError where the model does not load, or answers none of the first rows."""
        if self._server is None:
            self._server = Server(self._opening.serving)
        server = self._server
        if step.what == "warm":
            self._warm(server)
        elif step.what == "draw":
            drawn = self._draw.integers(len(self._inputs), size=(CALLS_PER_PEAK, step.batch))
            drawn[0, 0] = np.argmax(lengths(self._inputs))
            self._parts = [self._inputs.iloc[rows].reset_index(drop=True) for rows in drawn]
        elif step.what == "call":
            for part in self._parts:
                server.predict_most(part)
        elif step.what != "load":
            self._soak(server, step)
        gc.collect()
        return SoakReading(
            python_bytes=tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else None,
            native_bytes=_allocated_bytes(),
        )

    def _warm(self, server: Server) -> None:
        answered = 0
        for row in batches(self._inputs.head(MOST_REFUSALS), 1):
            answered += server.predict_most(row)
            if answered == CALLS_PER_PEAK:
                break
        if not answered:
            raise StageError("none of the first production rows could be answered, so there is nothing to watch")
        gc.collect()
        gc.freeze()  # what is imported stays; walking it at every collection would take half of the stage

    def _soak(self, server: Server, step: Step) -> None:
        """Serve more cycles; every call gets a frame of its own, as a service's would: pandas notes each view in the frame."""
        import pandas as pd

        if step.what not in self._cycles:
            inputs = self._unseen if step.what == "traced" else self._inputs
            # kept to the end: what the soak itself frees would hide a leak
            self._cycles[step.what] = soak_cycles(inputs, self._opening.cycles)
            if step.what == "traced":
                tracemalloc.start()
        first = self._served[step.what]
        for cycle in self._cycles[step.what][first : first + step.count]:
            for rows in cycle:
                server.predict_most(pd.DataFrame(rows))
        self._served[step.what] += step.count


def soak_cycles(inputs: pd.DataFrame, count: int) -> list[list[dict[str, list[Any]]]]:
    """Return `count` cycles of calls: sizes as in `SOAK_BATCHES`, lengths from the shortest to the longest.

    Every cycle has rows that the others don't, as long as there are enough: what is kept by input would not grow with
    repeated ones.
    """
    ordered = inputs.iloc[np.argsort(lengths(inputs), kind="stable")]
    stops = np.cumsum(SOAK_BATCHES)
    cycles = []
    for index in range(count):
        own = np.arange(index % len(ordered), len(ordered), count)
        spread = own[np.linspace(0, len(own) - 1, REQUESTS_A_CYCLE).astype(int)]
        parts = [ordered.iloc[part] for part in np.split(spread, stops[:-1])]
        cycles.append([{str(name): part[name].tolist() for name in part} for part in parts])
    return cycles


def _allocated_bytes() -> int | None:
    """Return what the C library's allocator has handed out and not got back, None where another one allocates.

    That is so where the library is not glibc, and where one that replaces its malloc is loaded before it.
    Source: mallinfo2(3), of all arenas. It is exact to the byte where resident memory moves by pages and arenas.
    """
    return _handed_out() if _is_counted() else None


@cache
def _is_counted() -> bool:
    """Tell whether what malloc gives shows in the count."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return False
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    before = _handed_out()
    probe = library.malloc(ctypes.c_size_t(PROBE_BYTES))
    counted = _handed_out() - before
    library.free(probe)
    return counted >= PROBE_BYTES // 2  # other threads may free something meanwhile


def _handed_out() -> int:
    count = ctypes.CDLL(None).mallinfo2
    count.restype = _MallInfo
    found = count()
    return int(found.uordblks + found.hblkhd)


class _MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in MALLINFO.split()]


def open_soak(opening: SoakOpening) -> Callable[[Step], SoakReading]:
    """Return what takes the steps; the body of the child."""
    return Soaked(opening).take


if __name__ == "__main__":
    answer_requests(SoakOpening, open_soak, Step)
