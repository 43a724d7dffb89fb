"""A sound production sample and a sound evaluation set, and how they are held to their suites."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd

from expectations.validate import validate_production
from tasks.core.records import Columns
from tasks.gates import data_quality, drift

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.evidence import ValidationEvidence

ROWS = 400
QUALITY = data_quality.Limits(
    severity="block", max_malformed_rate=0.01, max_faulty_rate=0.01, max_slice_missing_rate=0.2, max_repeated_rate=0.2
)
DRIFT = drift.Limits(severity="warn", max_distance=0.2)
AS_OF = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
COLUMNS = Columns(id="request_id", time="ts", label="label", input=("text",), status="status", slices=("source",))


def log() -> pd.DataFrame:
    """Return a sound production sample: columns of plain objects, so that a test can plant any value."""
    rows = range(ROWS)
    frame = pd.DataFrame(
        {
            "request_id": [f"r{row}" for row in rows],
            "ts": [(AS_OF - dt.timedelta(hours=row)).isoformat() for row in rows],
            "text": [f"request number {row:03d}" for row in rows],
            "source": [("tweets", "reviews")[row % 2] for row in rows],
            "status": [("ok", "ok", "ok", "abstained", "error", "timeout")[row % 6] for row in rows],
            "label": [(None, "negative", "positive")[row % 3] for row in rows],
            "copies": 1,
        }
    )
    return frame.astype(object)


def evaluation_set(labels: tuple[Any, ...] = ("negative", "positive")) -> pd.DataFrame:
    """Return a sound evaluation set with these labels in turn."""
    return pd.DataFrame(
        {
            "request_id": [f"e{row}" for row in range(100)],
            "text": [f"request number {row:03d}" for row in range(100)],
            "source": "movies",
            "label": [labels[row % len(labels)] for row in range(100)],
        }
    )


def production(rows: pd.DataFrame, out: Path, evaluation: pd.DataFrame | None = None) -> ValidationEvidence:
    """Hold `rows` to the prediction log's suite."""
    evaluation = evaluation_set() if evaluation is None else evaluation
    return validate_production(
        rows,
        COLUMNS,
        as_of=AS_OF,
        window_days=30,
        stale_after_hours=48,
        evaluation=evaluation,
        quality=QUALITY,
        drift=DRIFT,
        out=out,
    )


def planted(column: str, share: float, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return what gives the first rows, a share of all, this value in a column."""

    def plant(rows: pd.DataFrame) -> pd.DataFrame:
        count = round(share * len(rows))
        values = pd.Series([value] * count + rows[column].tolist()[count:], dtype=object)
        return rows.assign(**{column: values})

    return plant
