"""What the tests of the example candidates share: their scripts on the path, and one freshly made data folder."""

from __future__ import annotations

import gzip
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

CANDIDATES = Path(__file__).resolve().parents[2] / "candidates"
sys.path.insert(0, str(CANDIDATES))


@dataclass(frozen=True)
class ReadLog:
    """A production log as read back: its rows in order (with their partition and format) and its malformed lines."""

    rows: pd.DataFrame
    malformed: tuple[bytes, ...]


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sentiment data, made for this test session."""
    from sentiment_data import prepare_data

    folder = tmp_path_factory.mktemp("data") / "sentiment"
    assert prepare_data(folder)
    return folder


@pytest.fixture(scope="session")
def log(data_folder: Path) -> ReadLog:
    """Return the whole production log, read without launchgate's own reader."""
    frames: list[pd.DataFrame] = []
    malformed: list[bytes] = []
    for path in sorted((data_folder / "log").glob("dt=*/*")):
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
