"""Logs of requests as files, and samples that are drawn from them."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from infra.storage import open_log
from tasks.core.records import Columns
from tasks.core.settings import Sampling
from tasks.data.sampling import draw_sample

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tasks.evidence import SampleEvidence

COLUMNS = Columns(id="request_id", time="ts", label="label", input=("text",), status="status", slices=("source",))
AS_OF = datetime(2026, 3, 8, 12, tzinfo=UTC)
DAY = "dt=2026-03-07"


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return a logged request of the last day of the window."""
    time = datetime(2026, 3, 7, tzinfo=UTC) + timedelta(seconds=number % 80_000)
    return {
        "request_id": f"r{number:06d}",
        "ts": time.isoformat(),
        "text": f"text {number}",
        "source": ("tweets", "films")[number % 2],
        "status": ("ok", "ok", "ok", "error")[number % 4],
        "label": ("good", "bad", None)[number % 3],
    } | changes


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as JSON lines, compressed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(orjson.dumps(each) + b"\n" for each in rows)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as Parquet with real timestamps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = [datetime.fromisoformat(each["ts"]) for each in rows]
    pq.write_table(pa.Table.from_pylist([each | {"ts": at} for each, at in zip(rows, times, strict=True)]), path)


def sample(
    folder: Path,
    rows: int = 100,
    seed: int = 1,
    days: int = 7,
    columns: Columns = COLUMNS,
    as_of: datetime = AS_OF,
    per_slice: int = 0,
) -> tuple[SampleEvidence, pd.DataFrame]:
    """Draw a sample of the log in `folder/log` and return the evidence and the rows written."""
    out = folder / "out" / "sample.parquet"
    sampling = Sampling(rows=rows, rows_per_slice=per_slice, window_days=days, seed=seed, stale_after_hours=24)
    evidence = draw_sample(open_log(str(folder / "log")), columns, sampling, as_of, out)
    return evidence, pq.read_table(out).to_pandas()
