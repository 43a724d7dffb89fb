"""The production log of the sentiment example, written as a service would have written it.

Texts, sources and ratings are real (see sentiment_corpus). What a service adds is simulated from a seed: when a request
came, its status, when its label arrived, its feedback. So are the log's own faults: requests logged twice, lines cut
short, lines that are no JSON, and bytes that are no UTF-8.
"""

from __future__ import annotations

import gzip
import hashlib
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

SEED = 20261102
AS_OF = datetime(2026, 11, 2, tzinfo=UTC)  # the end of the log, and the moment at which its labels were collected
DAYS = 28
STATUSES = {"ok": 0.985, "abstained": 0.008, "error": 0.004, "timeout": 0.003}
WEEKEND_LOAD = 0.6  # of a working day's
LABEL_DELAY_DAYS = 3.0  # mean of the exponential time between a request and its label
LABELLED_SHARE = 0.9  # of the texts that can have a label at all
FEEDBACK_SHARE = 0.05  # of the answered requests
THUMBS_UP_SHARE = 0.75
TWICE_SHARE = 0.005  # of the requests, logged twice
NEXT_DAY_SHARE = 0.2  # of those: the second time in the next day's partition
GAP_S = 2.0  # mean time between two sentences of one document
SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("ts", pa.timestamp("ms", tz="UTC")),
        ("text", pa.string()),
        ("source", pa.string()),
        ("status", pa.string()),
        ("label", pa.string()),
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


def write_log(corpus: pd.DataFrame, folder: Path) -> LogSize:
    """Write the texts of `corpus` as 28 partitions under `folder`: JSONL.gz on even days, Parquet on odd ones."""
    random = np.random.default_rng(SEED)
    requests = _requests(corpus, random)
    rows = _with_duplicates(requests, random)
    malformed = 0
    for number in range(DAYS):
        day = AS_OF - timedelta(days=DAYS - number)
        partition = folder / f"dt={day:%Y-%m-%d}"
        partition.mkdir(parents=True)
        written = rows[rows["day"] == number]
        if number % 2:
            _write_parquet(written, partition / "requests.parquet")
        else:
            malformed += _write_jsonl(written, partition / "requests.jsonl.gz", random)
    return LogSize(len(requests), len(rows), int(requests["label"].notna().sum()), malformed)


def _requests(corpus: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return one row a request in the order of arrival; the sentences of a document come together, in their order."""
    requests = corpus.sort_values(["source", "rank"], ignore_index=True)
    requests["request_id"] = [_request_id(*row) for row in zip(requests["source"], requests["rank"], strict=True)]
    requests["ts"] = _arrivals(requests["document"], random)
    requests = requests.sort_values(["ts", "request_id"], ignore_index=True)
    requests["day"] = (requests["ts"] - (AS_OF - timedelta(days=DAYS))).dt.days
    requests["status"] = random.choice(list(STATUSES), len(requests), p=list(STATUSES.values()))
    age_days = (AS_OF - requests["ts"]).dt.total_seconds() / 86_400
    delays = random.exponential(LABEL_DELAY_DAYS, len(requests))
    arrived = (delays < age_days) & (random.random(len(requests)) < LABELLED_SHARE)
    requests["label"] = requests["label"].where(arrived, None)
    gave = (requests["status"] == "ok") & (random.random(len(requests)) < FEEDBACK_SHARE)
    thumbs = np.where(random.random(len(requests)) < THUMBS_UP_SHARE, "up", "down")
    requests["feedback"] = pd.Series(thumbs, dtype="object").where(gave, None)
    return requests[[*SCHEMA.names, "day"]]


def _request_id(source: str, rank: int) -> str:
    return hashlib.sha256(f"{SEED} {source} {rank}".encode()).hexdigest()[:16]


def _arrivals(documents: pd.Series[str], random: np.random.Generator) -> pd.Series[pd.Timestamp]:
    """Return a UTC time for each text: more on working days and in the afternoon, sentences of a document in a row."""
    days = [AS_OF - timedelta(days=DAYS - number) for number in range(DAYS)]
    load = np.array([WEEKEND_LOAD if day.isoweekday() > 5 else 1.0 for day in days])  # noqa: PLR2004  6 is Saturday
    names, place = np.unique(documents.to_numpy(dtype=str), return_inverse=True)
    day = random.choice(DAYS, len(names), p=load / load.sum())
    # the last ten minutes before midnight stay free for the sentences that follow a document's first
    second = 85_800 * random.beta(3, 2, len(names))
    gaps = pd.Series(random.exponential(GAP_S, len(documents)), index=documents.index)
    since_first = gaps.groupby(documents).cumsum().to_numpy()
    offset_ms = np.rint(1000 * (86_400 * day[place] + second[place] + since_first)).astype("int64")
    return pd.Series(pd.Timestamp(days[0]) + pd.to_timedelta(offset_ms, unit="ms"), index=documents.index)


def _with_duplicates(requests: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return the rows as written: a few requests a second time, as writers that try again do, some a day late."""
    again = requests[random.random(len(requests)) < TWICE_SHARE].copy()
    late = random.random(len(again)) < NEXT_DAY_SHARE
    again["day"] = np.minimum(again["day"] + late, DAYS - 1)
    written = pd.concat([requests, again], ignore_index=True)
    return written.sort_values(["day", "ts", "request_id"], kind="stable", ignore_index=True)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries of the schema's fields, with None for what is missing."""
    plain = rows[SCHEMA.names].astype("object")
    records: list[dict[str, Any]] = plain.where(plain.notna(), None).to_dict("records")
    return records


def _write_parquet(rows: pd.DataFrame, path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist(_records(rows), SCHEMA), path, compression="zstd")


def _write_jsonl(rows: pd.DataFrame, path: Path, random: np.random.Generator) -> int:
    """Write one JSON object a line with three malformed lines among them; return how many of those there are."""
    records = [{**record, "ts": _iso(record["ts"])} for record in _records(rows)]
    lines = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    cut, message, damaged = sorted(random.choice(len(lines), 3, replace=False), reverse=True)
    # from the last to the first, so that the places stay right; each faulty line stands before its whole twin
    lines.insert(cut, lines[cut][: len(lines[cut]) // 2])
    lines.insert(message, b"WARNING writer: connection reset by peer, opening the log again")
    lines.insert(damaged, b"\xff\xfe" + lines[damaged][2:])
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n", mtime=0))
    return 3


def _iso(ts: datetime) -> str:
    return f"{ts:%Y-%m-%dT%H:%M:%S}.{ts.microsecond // 1000:03d}Z"
