"""Where the example candidates lie, and their production log as read back without launchgate's own reader."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

CANDIDATES = Path(__file__).resolve().parents[2] / "candidates"


@dataclass(frozen=True)
class ReadLog:
    """A production log as read back: its rows in order (with their partition and format) and its malformed lines."""

    rows: pd.DataFrame
    malformed: tuple[bytes, ...]


def read_log(folder: Path) -> ReadLog:
    """Return the whole production log under `folder`."""
    frames: list[pd.DataFrame] = []
    malformed: list[bytes] = []
    for path in sorted(folder.glob("dt=*/*")):
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else _read_jsonl(path, malformed)
        frames.append(frame.assign(partition=path.parent.name.removeprefix("dt="), format=path.suffix))
    rows = pd.concat(frames, ignore_index=True)
    return ReadLog(rows.assign(ts=pd.to_datetime(rows["ts"], utc=True)), tuple(malformed))


def _read_jsonl(path: Path, malformed: list[bytes]) -> pd.DataFrame:
    records: list[dict[str, Any]] = []
    with gzip.open(path) as lines:
        for line in lines:
            try:
                records.append(json.loads(line))
            except ValueError:
                malformed.append(line)
    return pd.DataFrame(records).assign(ts=lambda frame: pd.to_datetime(frame["ts"], utc=True))
