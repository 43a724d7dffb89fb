"""How a service would have written its production log: what the examples' logs share, whatever was asked.

A label comes late or never, a few answers get feedback, some requests are logged twice, and some lines are cut short,
are no JSON, or hold bytes that are no UTF-8. All of it follows from the random generator that is given.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

if TYPE_CHECKING:
    from pathlib import Path

TWICE_SHARE = 0.005  # of the requests, logged twice
NEXT_DAY_SHARE = 0.2  # of those: the second time in the next day's partition


@dataclass(frozen=True)
class LogSize:
    """What a written log holds: requests (each once), rows (duplicates too), labelled requests, malformed lines."""

    requests: int
    rows: int
    labelled: int
    malformed: int

    def over(self, days: int, end: datetime) -> str:
        """Return the counts in words, with the days to `end` that the log is of."""
        return (
            f"{self.requests:,} requests over {days} days to {end:%Y-%m-%d}, {self.labelled:,} with a label, "
            f"{self.rows - self.requests} logged twice, {self.malformed} malformed lines"
        )


def has_come(ages: pd.Series[float], mean_days: float, share: float, random: np.random.Generator) -> np.ndarray:
    """Say of each request whether its label is there, shape (rows,), so many days after it could have been.

    Delays are exponential with a mean of `mean_days`, and only `share` of the labels come at all; of a null age none does.
    """
    delays = random.exponential(mean_days, len(ages))
    come: np.ndarray = (delays < ages).to_numpy() & (random.random(len(ages)) < share)
    return come


def feedback(status: pd.Series[str], share: float, up_share: float, random: np.random.Generator) -> pd.Series[Any]:
    """Return up, down or None for each request: `share` of those that are ok get some, `up_share` of it up."""
    gave = (status == "ok") & (random.random(len(status)) < share)
    thumbs = np.where(random.random(len(status)) < up_share, "up", "down")
    return pd.Series(thumbs, dtype="object").where(gave, None)


def write_rows(
    requests: pd.DataFrame, schema: pa.Schema, end: datetime, days: int, folder: Path, random: np.random.Generator
) -> LogSize:
    """Write requests as partitions of the days up to `end` under `folder`: JSONL.gz on even days, Parquet on odd ones.

    `requests` has the schema's columns, and `day`, counted from 0 at the first partition.
    """
    rows = _with_duplicates(requests, days, random)
    malformed = 0
    for number in range(days):
        partition = folder / f"dt={end - timedelta(days=days - number):%Y-%m-%d}"
        partition.mkdir(parents=True)
        records = _records(rows[rows["day"] == number], schema)
        if number % 2:
            table = pa.Table.from_pylist(records, schema)
            parquet.write_table(table, partition / "requests.parquet", compression="zstd")
        else:
            malformed += _write_jsonl(records, partition / "requests.jsonl.gz", random)
    return LogSize(len(requests), len(rows), int(requests["label"].notna().sum()), malformed)


def _with_duplicates(requests: pd.DataFrame, days: int, random: np.random.Generator) -> pd.DataFrame:
    """Return the rows as written: a few requests a second time, as writers that try again do, some a day late."""
    again = requests[random.random(len(requests)) < TWICE_SHARE].copy()
    late = random.random(len(again)) < NEXT_DAY_SHARE
    again["day"] = np.minimum(again["day"] + late, days - 1)
    written = pd.concat([requests, again], ignore_index=True)
    return written.sort_values(["day", "ts", "request_id"], kind="stable", ignore_index=True)


def _records(rows: pd.DataFrame, schema: pa.Schema) -> list[dict[str, Any]]:
    """Return the rows as dictionaries of the schema's fields, with None for what is missing."""
    plain = rows[schema.names].astype("object")
    records: list[dict[str, Any]] = plain.where(plain.notna(), None).to_dict("records")
    return records


def _write_jsonl(records: list[dict[str, Any]], path: Path, random: np.random.Generator) -> int:
    """Write one JSON object a line with three malformed lines among them; return how many of those there are."""
    lines = [json.dumps({**record, "ts": _iso(record["ts"])}, ensure_ascii=False).encode() for record in records]
    cut, message, damaged = sorted(random.choice(len(lines), 3, replace=False), reverse=True)
    # from the last to the first, so that the places stay right; each faulty line stands before its whole twin
    lines.insert(cut, lines[cut][: len(lines[cut]) // 2])
    lines.insert(message, b"WARNING writer: connection reset by peer, opening the log again")
    lines.insert(damaged, b"\xff\xfe" + lines[damaged][2:])
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n", mtime=0))
    return 3


def _iso(ts: datetime) -> str:
    return f"{ts:%Y-%m-%dT%H:%M:%S}.{ts.microsecond // 1000:03d}Z"
