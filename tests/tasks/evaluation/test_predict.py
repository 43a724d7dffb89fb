"""Answers to every request: in batches, row by row where a batch fails, and never none in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from support.tiny import CONFIDENCE

from tasks.core.errors import StageError
from tasks.evaluation.predict import _spans, predict_all
from tasks.serving.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.core.records import Serving


def test_an_adapter_that_always_fails_is_told_once(other: Callable[..., Serving], production: pd.DataFrame) -> None:
    """Where no row of the first hundred can be answered, the stage says so instead of trying every row."""
    server = Server(other((CONFIDENCE, '"score": chance.max(axis=1)')))
    with pytest.raises(StageError, match="none of the first 100 rows could be answered: decode returned the columns"):
        predict_all(server, production[["text"]])


def test_rows_that_fail_for_being_long_do_not_hide_the_others(
    other: Callable[..., Serving], production: pd.DataFrame
) -> None:
    """A hundred longest rows that raise are a hundred errors."""
    server = Server(other(("found = [", "assert rows['text'].str.len().max() < 35\n    found = [")))
    inputs = production[["text"]]
    long = int((inputs["text"].str.len() >= 35).sum())
    assert long > 100
    assert (predict_all(server, inputs).frame["outcome"] == "exception").sum() == long


def test_no_rows_have_no_answers(served: Serving) -> None:
    """An empty frame is answered with an empty frame."""
    assert predict_all(Server(served), pd.DataFrame({"text": []}, dtype=object)).frame.empty


def test_long_rows_have_batches_of_their_own() -> None:
    """A batch has 32 rows, or ends before a row of over twice the length of its first; every row is in one."""
    sizes = [0, 5, 32] + [33] * 40 + [66] * 3 + [67, 900, 1800]
    assert sorted(_spans(sizes)) == [(0, 3), (3, 35), (35, 46), (46, 47), (47, 49)]
    assert _spans([]) == []
