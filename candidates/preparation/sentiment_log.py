"""The production log of the sentiment example, written as a service would have written it.

Texts, sources and ratings are real (see sentiment_corpus). What a service adds is simulated from a seed: when a request
came, its status, when its label arrived, its feedback. So are the log's own faults: requests logged twice, lines cut
short, lines that are no JSON, and bytes that are no UTF-8.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from service_log import LogSize, feedback, has_come, write_rows

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


def write_log(corpus: pd.DataFrame, folder: Path) -> LogSize:
    """Write the texts of `corpus` as 28 partitions under `folder`: JSONL.gz on even days, Parquet on odd ones."""
    random = np.random.default_rng(SEED)
    return write_rows(_requests(corpus, random), SCHEMA, AS_OF, DAYS, folder, random)


def _requests(corpus: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return one row a request in the order of arrival; the sentences of a document come together, in their order."""
    requests = corpus.sort_values(["source", "rank"], ignore_index=True)
    requests["request_id"] = [_request_id(*row) for row in zip(requests["source"], requests["rank"], strict=True)]
    requests["ts"] = _arrivals(requests["document"], random)
    requests = requests.sort_values(["ts", "request_id"], ignore_index=True)
    requests["day"] = (requests["ts"] - (AS_OF - timedelta(days=DAYS))).dt.days
    requests["status"] = random.choice(list(STATUSES), len(requests), p=list(STATUSES.values()))
    age_days = (AS_OF - requests["ts"]).dt.total_seconds() / 86_400
    come = has_come(age_days, LABEL_DELAY_DAYS, LABELLED_SHARE, random)
    requests["label"] = requests["label"].where(come, None)
    requests["feedback"] = feedback(requests["status"], FEEDBACK_SHARE, THUMBS_UP_SHARE, random)
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
