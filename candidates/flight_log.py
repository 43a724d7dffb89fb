"""The production log of the flight example, written as a service would have written it.

Flights, times and arrival delays are real (see flight_records). What a service adds is simulated from a seed: a
request's status, how long after the arrival its label came, its feedback. So are the log's own faults: requests logged
twice, lines cut short, lines that are no JSON, and bytes that are no UTF-8.

The log is of June and July, the season that differs most from the January and February of the training: thunderstorms
in place of snow, weaker winds against whoever flies west, and destinations that are served in summer only.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20130731
AS_OF = datetime(2013, 7, 31, tzinfo=UTC)  # the end of the log, and the moment at which its labels were collected
DAYS = 60
START = AS_OF - timedelta(days=DAYS)
STATUSES = {"ok": 0.985, "abstained": 0.008, "error": 0.004, "timeout": 0.003}
LABEL_DELAY_DAYS = 1.5  # mean of the exponential time between an arrival and its label
LABELLED_SHARE = 0.95  # of the flights that arrive; one that is diverted never has a label
FEEDBACK_SHARE = 0.02  # of the answered requests
THUMBS_UP_SHARE = 0.7
TWICE_SHARE = 0.005  # of the requests, logged twice
NEXT_DAY_SHARE = 0.2  # of those: the second time in the next day's partition
SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("ts", pa.timestamp("ms", tz="UTC")),
        ("carrier", pa.string()),
        ("origin", pa.string()),
        ("dest", pa.string()),
        ("hour", pa.int64()),
        ("distance", pa.int64()),
        ("scheduled_minutes", pa.int64()),
        ("dep_delay", pa.int64()),
        ("status", pa.string()),
        ("label", pa.float64()),
        ("feedback", pa.string()),
    ]
)


@dataclass(frozen=True)
class LogSize:
    """What a written log holds: requests (each once), rows (duplicates too), labelled requests, malformed lines."""

    requests: int
    rows: int
    labelled: int
    malformed: int


def write_log(flights: pd.DataFrame, folder: Path) -> LogSize:
    """Write the flights of the window as 60 partitions under `folder`: JSONL.gz on even days, Parquet on odd ones."""
    random = np.random.default_rng(SEED)
    requests = _requests(flights, random)
    rows = _with_duplicates(requests, random)
    malformed = 0
    for number in range(DAYS):
        partition = folder / f"dt={START + timedelta(days=number):%Y-%m-%d}"
        partition.mkdir(parents=True)
        written = rows[rows["partition"] == number]
        if number % 2:
            _write_parquet(written, partition / "requests.parquet")
        else:
            malformed += _write_jsonl(written, partition / "requests.jsonl.gz", random)
    return LogSize(len(requests), len(rows), int(requests["label"].notna().sum()), malformed)


def _requests(flights: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return one row a request in the order of arrival; a label is there only where it had come by the log's end."""
    requests = flights[(flights["ts"] >= START) & (flights["ts"] < AS_OF)]
    requests = requests.sort_values(["ts", "request_id"], ignore_index=True)
    requests["partition"] = (requests["ts"] - START).dt.days
    requests["status"] = random.choice(list(STATUSES), len(requests), p=list(STATUSES.values()))
    age_days = (AS_OF - requests["arrived"]).dt.total_seconds() / 86_400  # null, so never labelled, where diverted
    delays = random.exponential(LABEL_DELAY_DAYS, len(requests))
    came = (delays < age_days) & (random.random(len(requests)) < LABELLED_SHARE)
    requests["label"] = requests["label"].where(came)
    gave = (requests["status"] == "ok") & (random.random(len(requests)) < FEEDBACK_SHARE)
    thumbs = np.where(random.random(len(requests)) < THUMBS_UP_SHARE, "up", "down")
    requests["feedback"] = pd.Series(thumbs, dtype="object").where(gave, None)
    return requests[[*SCHEMA.names, "partition"]]


def _with_duplicates(requests: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return the rows as written: a few requests a second time, as writers that try again do, some a day late."""
    again = requests[random.random(len(requests)) < TWICE_SHARE].copy()
    late = random.random(len(again)) < NEXT_DAY_SHARE
    again["partition"] = np.minimum(again["partition"] + late, DAYS - 1)
    written = pd.concat([requests, again], ignore_index=True)
    return written.sort_values(["partition", "ts", "request_id"], kind="stable", ignore_index=True)


def _write_parquet(rows: pd.DataFrame, path: Path) -> None:
    naive = rows.assign(ts=rows["ts"].dt.tz_localize(None))  # the schema says that it is UTC
    parquet.write_table(pa.Table.from_pandas(naive, SCHEMA, preserve_index=False), path, compression="zstd")


def _write_jsonl(rows: pd.DataFrame, path: Path, random: np.random.Generator) -> int:
    """Write one JSON object a line with three malformed lines among them; return how many of those there are."""
    lines = [json.dumps(record).encode() for record in _records(rows)]
    cut, message, damaged = sorted(random.choice(len(lines), 3, replace=False), reverse=True)
    # from the last to the first, so that the places stay right; each faulty line stands before its whole twin
    lines.insert(cut, lines[cut][: len(lines[cut]) // 2])
    lines.insert(message, b"WARNING writer: connection reset by peer, opening the log again")
    lines.insert(damaged, b"\xff\xfe" + lines[damaged][2:])
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n", mtime=0))
    return 3


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries of the schema's fields, times as ISO 8601 text and None for what is missing."""
    plain = rows[SCHEMA.names].assign(ts=rows["ts"].dt.strftime("%Y-%m-%dT%H:%M:%S.000Z")).astype("object")
    records: list[dict[str, Any]] = plain.where(plain.notna(), None).to_dict("records")
    return records
