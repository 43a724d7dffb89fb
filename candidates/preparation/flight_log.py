"""The production log of the flight example, written as a service would have written it.

Flights, times and arrival delays are real (see flight_records). What a service adds is simulated from a seed: a
request's status, how long after the arrival its label came, its feedback. So are the log's own faults: requests logged
twice, lines cut short, lines that are no JSON, and bytes that are no UTF-8.

The log is of June and July, the season that differs most from the January and February of the training: thunderstorms
in place of snow, weaker winds against whoever flies west, and destinations that are served in summer only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from service_log import LogSize, feedback, has_come, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

SEED = 20130731
AS_OF = datetime(2013, 7, 31, tzinfo=UTC)  # the end of the log, and the moment at which its labels were collected
DAYS = 60
START = AS_OF - timedelta(days=DAYS)
STATUSES = {"ok": 0.985, "abstained": 0.008, "error": 0.004, "timeout": 0.003}
LABEL_DELAY_DAYS = 1.5  # mean of the exponential time between an arrival and its label
LABELLED_SHARE = 0.95  # of the flights that arrive; one that is diverted never has a label
FEEDBACK_SHARE = 0.02  # of the answered requests
THUMBS_UP_SHARE = 0.7
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


def write_log(flights: pd.DataFrame, folder: Path) -> LogSize:
    """Write the flights of the window as 60 partitions under `folder`: JSONL.gz on even days, Parquet on odd ones."""
    random = np.random.default_rng(SEED)
    return write_rows(_requests(flights, random), SCHEMA, AS_OF, DAYS, folder, random)


def _requests(flights: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return one row a request in the order of arrival; a label is there only where it had come by the log's end."""
    requests = flights[(flights["ts"] >= START) & (flights["ts"] < AS_OF)]
    requests = requests.sort_values(["ts", "request_id"], ignore_index=True)
    requests["day"] = (requests["ts"] - START).dt.days
    requests["status"] = random.choice(list(STATUSES), len(requests), p=list(STATUSES.values()))
    age_days = (AS_OF - requests["arrived"]).dt.total_seconds() / 86_400  # null, so never labelled, where diverted
    come = has_come(age_days, LABEL_DELAY_DAYS, LABELLED_SHARE, random)
    requests["label"] = requests["label"].where(come)
    requests["feedback"] = feedback(requests["status"], FEEDBACK_SHARE, THUMBS_UP_SHARE, random)
    return requests[[*SCHEMA.names, "day"]]
