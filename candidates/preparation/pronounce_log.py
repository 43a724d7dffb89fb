"""The production log of the pronounce example, written as a service would have written it.

The words are real: those of newspaper editorials (client reader) and tweets (client messages), and those that the older
dictionary lacks (client assistant, which looks a word up before it asks, as g2p-en itself does). The labels are the
newer dictionary's. What a service adds is simulated from a seed: how much each client asks, when a request came,
whether it was answered, when its label arrived, its feedback. So are the log's own faults: requests logged twice, lines
cut short, lines that are no JSON, and bytes that are no UTF-8.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from pronounce_dictionary import word_key
from service_log import LogSize, feedback, has_come, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SEED = 20261102
AS_OF = datetime(2026, 11, 2, tzinfo=UTC)  # the end of the log, and the moment at which its labels were collected
DAYS = 30
READER_REQUESTS = 4000  # each word once: these two clients keep the answers
MESSAGES_REQUESTS = 3000
ASSISTANT_NEW_REQUESTS = 3500  # words of the newer dictionary, some asked again: its many devices keep no answers
ASSISTANT_OTHER_REQUESTS = 2000  # words of film reviews that are in neither dictionary, names among them
STATUSES = {"ok": 0.993, "error": 0.004, "timeout": 0.003}  # of the words that have a letter; others are abstained from
WEEKEND_LOAD = 0.6  # of a working day's
LABEL_DELAY_DAYS = 3.0  # mean of the exponential time between a request and its label
LABELLED_SHARE = 0.9  # of the words that can have a label at all
FEEDBACK_SHARE = 0.05  # of the answered requests
THUMBS_UP_SHARE = 0.75
TOKEN = re.compile(r"[^\W_]+(?:['.-][^\W_]+)*")  # a word or a number, with marks inside it only
SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("ts", pa.timestamp("ms", tz="UTC")),
        ("word", pa.string()),
        ("client", pa.string()),
        ("status", pa.string()),
        ("label", pa.string()),
        ("feedback", pa.string()),
    ]
)


def asked_words(texts: pd.DataFrame, older: dict[str, str], newer: dict[str, str], held_out: set[str]) -> pd.DataFrame:
    """Return what the clients ask, one row a request.

    Columns: `word` as written, `client`, and `label` (None for a word that the newer dictionary lacks). `texts` has the
    columns source and text. A word whose key is in `held_out` is asked by nobody.
    """
    random = np.random.default_rng(SEED)
    words = {source: _words(rows["text"], held_out) for source, rows in texts.groupby("source")}
    known = {word_key(word) for word in older}
    unseen = [word for word in newer if word_key(word) not in known]
    listed = known.union(map(word_key, newer))
    others = [word for word in words["movies"] if word_key(word) not in listed]
    asked = {
        "reader": random.choice(words["nyt"], READER_REQUESTS, replace=False),
        "messages": random.choice(words["tweets"], MESSAGES_REQUESTS, replace=False),
        "assistant": np.concatenate(
            [
                random.choice(unseen, ASSISTANT_NEW_REQUESTS),
                random.choice(others, ASSISTANT_OTHER_REQUESTS, replace=False),
            ]
        ),
    }
    rows = [(str(word), client, newer.get(word.lower())) for client, found in asked.items() for word in found]
    return pd.DataFrame(rows, columns=["word", "client", "label"])


def _words(texts: Iterable[str], held_out: set[str]) -> list[str]:
    """Return the words and numbers of the texts, each once, as its first occurrence is written."""
    first: dict[str, str] = {}
    for text in texts:
        for token in TOKEN.findall(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")):
            first.setdefault(token.lower(), token)
    return [token for token in first.values() if word_key(token) not in held_out]


def write_log(asked: pd.DataFrame, folder: Path) -> LogSize:
    """Write the requests of `asked` as 30 partitions under `folder`: JSONL.gz on even days, Parquet on odd ones."""
    random = np.random.default_rng(SEED)
    return write_rows(_requests(asked, random), SCHEMA, AS_OF, DAYS, folder, random)


def _requests(asked: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return one row a request in the order of arrival."""
    requests = asked.copy()
    requests["request_id"] = [_request_id(number) for number in range(len(requests))]
    requests["ts"] = _arrivals(len(requests), random)
    requests = requests.sort_values(["ts", "request_id"], ignore_index=True)
    requests["day"] = (requests["ts"] - (AS_OF - timedelta(days=DAYS))).dt.days
    served = random.choice(list(STATUSES), len(requests), p=list(STATUSES.values()))
    requests["status"] = np.where(requests["word"].map(word_key) == "", "abstained", served)
    age_days = (AS_OF - requests["ts"]).dt.total_seconds() / 86_400
    come = has_come(age_days, LABEL_DELAY_DAYS, LABELLED_SHARE, random)
    requests["label"] = requests["label"].where(come, None)
    requests["feedback"] = feedback(requests["status"], FEEDBACK_SHARE, THUMBS_UP_SHARE, random)
    return requests[[*SCHEMA.names, "day"]]


def _request_id(number: int) -> str:
    return hashlib.sha256(f"{SEED} {number}".encode()).hexdigest()[:16]


def _arrivals(count: int, random: np.random.Generator) -> pd.DatetimeIndex:
    """Return `count` UTC times: more on working days and in the afternoon."""
    days = [AS_OF - timedelta(days=DAYS - number) for number in range(DAYS)]
    load = np.array([WEEKEND_LOAD if day.isoweekday() > 5 else 1.0 for day in days])  # noqa: PLR2004  6 is Saturday
    day = random.choice(DAYS, count, p=load / load.sum())
    second = 86_399 * random.beta(3, 2, count)
    offset_ms = np.rint(1000 * (86_400 * day + second)).astype("int64")
    return pd.Timestamp(days[0]) + pd.to_timedelta(offset_ms, unit="ms")
