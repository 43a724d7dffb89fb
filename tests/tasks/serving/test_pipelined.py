"""Batches that are encoded ahead: the same answers, in order, and an adapter that is never in two places at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.candidate.adapter import AdapterError
from tasks.serving.pipelined import Span, predict_ahead
from tasks.serving.server import Answers, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tasks.core.records import Serving

SPANS = [Span(0, 3), Span(3, 4), Span(4, 20)]
TELLING = """import threading

EVENTS, BUSY = [], threading.Lock()


def noted(name):
    def outer(function):
        def inner(*given):
            assert BUSY.acquire(blocking=False), "two at once"
            EVENTS.append((name, threading.current_thread() is threading.main_thread()))
            try:
                return function(*given)
            finally:
                BUSY.release()
        return inner
    return outer


LABELS = """  # every function tells its name, and that no other one is at work, in this thread or another
NOTED = (
    ("LABELS = ", TELLING),
    ("def encode(", "@noted('encode')\ndef encode("),
    ("def decode(", "@noted('decode')\ndef decode("),
)
INFER = ("def known(", "@noted('infer')\ndef infer(run, batch):\n    return run('model', batch)\n\n\ndef known(")


def events(server: Server) -> list[Any]:
    """Return what the adapter's functions told, in order."""
    return list(server.adapter._module.EVENTS)


def test_answers_are_those_of_one_batch_after_the_other(served: Serving, production: pd.DataFrame) -> None:
    """To the bit, each with its span, in order."""
    server, rows = Server(served), production.head(20)
    found = list(predict_ahead(server, rows, iter(SPANS)))
    assert [span for span, _ in found] == SPANS
    for (start, stop), answer in found:
        alone = server.predict(rows.iloc[start:stop].reset_index(drop=True))
        assert isinstance(answer, Answers)
        assert answer.frame.equals(alone.frame)
        np.testing.assert_array_equal(answer.outputs["output"], alone.outputs["output"])
    assert list(predict_ahead(server, rows, [])) == []


@pytest.mark.parametrize(
    ("more", "order"),
    [
        ((), ["encode", "encode", "decode", "encode", "decode", "decode"]),
        ((INFER,), ["encode", "infer", "decode"] * 3),
    ],
    ids=["one graph", "its own calls"],
)
def test_the_adapter_is_in_one_place_at_a_time(
    other: Callable[..., Serving], production: pd.DataFrame, more: tuple[tuple[str, str], ...], order: list[str]
) -> None:
    """Its functions run in the caller's thread alone; one batch ahead of one graph, none ahead of its own calls."""
    server = Server(other(*NOTED, *more))
    found = list(predict_ahead(server, production.head(20), SPANS))
    assert all(isinstance(answer, Answers) for _, answer in found)
    assert events(server) == [(name, True) for name in order]


@pytest.mark.parametrize(
    "fault",
    [
        ("    found = [", "    if len(rows) == 1: raise ValueError('one')\n    found = ["),
        ('    return {"words": words}', '    return {"words": words if len(rows) > 1 else words.astype(float)}'),
        ("    (logits,) = outputs.values()", "    (logits,) = outputs.values()\n    if len(logits) == 1: raise ValueError('one')"),
    ],
    ids=["encode", "graph", "decode"],
)  # fmt: skip
def test_a_batch_that_raises_is_told_and_the_others_are_answered(
    other: Callable[..., Serving], production: pd.DataFrame, fault: tuple[str, str]
) -> None:
    """Wherever it was, the reason comes at its place."""
    found = [answer for _, answer in predict_ahead(Server(other(fault)), production.head(20), SPANS)]
    assert [type(answer) for answer in found] == [Answers, AdapterError, Answers]
