"""Requests with labels, and answers to them as an evaluation makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tasks.core.records import Columns, Marking
from tasks.evaluation.scores import Scoring

if TYPE_CHECKING:
    from tasks.evaluation.predict import Predictions

COLUMNS = Columns(id="id", time="ts", label="label", input=("x",), status="status", slices=("kind",))
NUMBERS = Scoring("regression", Marking(tolerance=2, same=0.5), (10.0, 20.0))


def answers(predictions: list[Any], outcomes: list[str] | None = None) -> Predictions:
    """Return predictions as an evaluation makes them, each answered unless `outcomes` says otherwise."""
    from tasks.evaluation.predict import Predictions

    outcome = outcomes or ["answered" if value is not None else "abstained" for value in predictions]
    frame = pd.DataFrame({"prediction": pd.Series(predictions, dtype=object), "confidence": 0.5, "outcome": outcome})
    return Predictions(frame.assign(why=None), 1.0)


def labelled_rows(labels: list[Any], days: int = 1) -> pd.DataFrame:
    """Return requests with these labels, spread over so many days."""
    count = len(labels)
    times = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(count) % days, unit="D")
    ids = [f"r{number}" for number in range(count)]
    return pd.DataFrame({"id": ids, "ts": times, "x": 1.0, "label": pd.Series(labels, dtype=object), "kind": "a"})


def by_user(users: int, requests: int) -> pd.DataFrame:
    """Return requests of so many users over 20 days, as many each."""
    table = labelled_rows([0.0] * users * requests, days=20)
    return table.assign(user=[f"u{number % users}" for number in range(len(table))])
