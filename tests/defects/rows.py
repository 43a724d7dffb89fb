"""The rows of the planted candidates: short messages from three sources, and the log of a service that answered them.

Every source has words of its own, so a model that has seen one source knows little of the others. All of it follows
from seeds.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)  # as candidate.yaml says
DAYS = 28
PLAIN = [
    "the",
    "a",
    "my",
    "this",
    "that",
    "order",
    "item",
    "day",
    "time",
    "week",
    "it",
    "was",
    "is",
    "again",
    "today",
    "yesterday",
    "really",
    "very",
    "still",
    "quite",
    "about",
    "with",
    "for",
    "and",
    "then",
    "page",
    "team",
    "first",
    "last",
    "new",
    "old",
    "two",
    "three",
]
WORDS = {  # source: words of good messages, words of bad ones
    "shop": (
        ["bargain", "sturdy", "gift", "fits", "lovely", "cheap", "warm", "bright"],
        ["torn", "refund", "stained", "broken", "fake", "tight", "returned", "dented"],
    ),
    "app": (
        ["smooth", "fast", "intuitive", "sleek", "synced", "responsive", "handy", "polished"],
        ["crash", "freeze", "lag", "bug", "logout", "drains", "glitch", "stuck"],
    ),
    "mail": (
        ["thanks", "kind", "prompt", "courteous", "solved", "helpful", "patient", "clear"],
        ["complaint", "rude", "ignored", "waiting", "unanswered", "overdue", "cancelled", "furious"],
    ),
}
PRODUCTION_MIX = (0.35, 0.45, 0.2)
LABELLED_SHARE = 0.7  # labels come late
EMPTY_EVERY = 300  # requests, one comes without a word
TRUE_SHARE = 0.9  # of a message's telling words; the others say the opposite


def messages(count: int, seed: int, mix: Sequence[float] = (1 / 3, 1 / 3, 1 / 3)) -> pd.DataFrame:
    """Return `count` rows of text, label and source; `mix` gives the share of each source in the order of `WORDS`."""
    random = np.random.default_rng(seed)
    rows = []
    for source in random.choice(list(WORDS), size=count, p=mix):
        good = bool(random.integers(2))
        told = [
            str(random.choice(WORDS[source][good == (random.random() >= TRUE_SHARE)]))
            for _ in range(random.integers(1, 6))
        ]
        text = [*told, *map(str, random.choice(PLAIN, size=random.integers(2, 16)))]
        random.shuffle(text)
        rows.append((" ".join(text), "good" if good else "bad", str(source)))
    return pd.DataFrame(rows, columns=["text", "label", "source"])


def requests(count: int, seed: int) -> pd.DataFrame:
    """Return `count` production requests over the days before `AS_OF`, in the order of their time.

    `true_label` is what each will be labelled in the end; the log does not have it.
    """
    random = np.random.default_rng(seed)
    rows = messages(count, seed + 1, PRODUCTION_MIX)
    rows.loc[::EMPTY_EVERY, "text"] = ""
    at = np.sort(random.uniform(0, DAYS, size=count))
    return rows.assign(
        request_id=[f"r{index:05d}" for index in range(count)],
        ts=[AS_OF - timedelta(days=DAYS - float(days)) for days in at],
        status=random.choice(["ok", "abstained", "error", "timeout"], size=count, p=[0.98, 0.01, 0.005, 0.005]),
        label=rows["label"].where(random.random(count) < LABELLED_SHARE, None),
        true_label=rows["label"],
    )


def write_log(requests: pd.DataFrame, folder: Path) -> None:
    """Write one partition a day under `folder`, Parquet and JSONL.gz in turn; a column without a value is left out."""
    requests = requests.drop(columns="true_label")
    for number, (day, rows) in enumerate(requests.groupby(requests["ts"].dt.strftime("%Y-%m-%d"), sort=True)):
        partition = folder / f"dt={day}"
        partition.mkdir(parents=True)
        rows = rows.dropna(axis=1, how="all")  # noqa: PLW2901  the same day's rows, as they are written
        if number % 2:
            rows.to_parquet(partition / "requests.parquet", index=False)
        else:
            lines = rows.to_json(orient="records", lines=True, date_format="iso", date_unit="us")
            (partition / "requests.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
