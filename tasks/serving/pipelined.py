"""Answers batch by batch, where the next batch is encoded while the graph still works on the one before."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from tasks.candidate.adapter import AdapterError
from tasks.serving.server import Answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from tasks.candidate.adapter import Arrays
    from tasks.serving.server import Server


class Span(NamedTuple):
    """The rows from `start` up to, but not with, `stop`."""

    start: int
    stop: int


Tried = tuple[Span, Answers | AdapterError]


def predict_ahead(server: Server, rows: pd.DataFrame, spans: Iterable[Span]) -> Iterator[Tried]:
    """Yield each span with the answers to its rows as one batch, or with why there are none, in the order of `spans`.

    The adapter's functions run in the caller's thread, one at a time; only the graph's own call runs beside them. One
    batch is encoded before the answers to the last are decoded, so `spans` is asked for one more than was yielded. An
    adapter that calls its graphs itself has nothing run beside it.
    """
    if not server.adapter.calls_one_graph:
        yield from ((span, _whole(server, _part(rows, span))) for span in spans)
        return
    with ThreadPoolExecutor(1) as graph:
        before: tuple[Span, Future[Arrays] | AdapterError] | None = None
        for span in spans:
            begun = span, _begin(server, _part(rows, span), graph)
            if before is not None:
                yield _ended(server, *before)
            before = begun
        if before is not None:
            yield _ended(server, *before)


def _part(rows: pd.DataFrame, span: Span) -> pd.DataFrame:
    return rows.iloc[span.start : span.stop].reset_index(drop=True)


def _whole(server: Server, rows: pd.DataFrame) -> Answers | AdapterError:
    try:
        return server.predict(rows)
    except AdapterError as error:
        return error


def _begin(server: Server, rows: pd.DataFrame, graph: ThreadPoolExecutor) -> Future[Arrays] | AdapterError:
    try:
        batch = server.adapter.encode(rows)
    except AdapterError as error:
        return error
    return graph.submit(server.adapter.infer, server.run, batch)


def _ended(server: Server, span: Span, begun: Future[Arrays] | AdapterError) -> Tried:
    if isinstance(begun, AdapterError):
        return span, begun
    try:
        outputs = begun.result()
        return span, Answers(server.adapter.decode(outputs, span.stop - span.start), outputs)
    except AdapterError as error:
        return span, error
