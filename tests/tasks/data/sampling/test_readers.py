"""Logs as they come: broken files, columns that vanish, and times and ids of other types."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.prediction_logs import DAY, row, sample, write_lines, write_parquet

from tasks.data.sampling import readers

if TYPE_CHECKING:
    from pathlib import Path


def test_a_row_without_a_readable_time_or_id_is_kept_for_the_quality_suite(tmp_path: Path) -> None:
    """Its time or id is null in the sample; rows without id are requests of their own and come last."""
    rows = [row(1, ts=None), row(2, ts="yesterday"), row(3, ts=17), row(4, request_id=None), row(5, request_id=None)]
    write_lines(tmp_path / "log" / DAY / "a.jsonl", [*rows, row(6, request_id=6)])
    evidence, drawn = sample(tmp_path)
    assert list(drawn["request_id"].fillna("null")) == ["6", "r000001", "r000002", "r000003", "null", "null"]
    assert drawn["ts"].isna().sum() == 3
    assert list(drawn["text"].tail(2)) == ["text 4", "text 5"]
    assert (evidence.rows, evidence.duplicated_rows, evidence.outside_window_rows) == (6, 0, 0)


def test_a_line_without_end_is_malformed_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line over the limit is dropped as it streams by, over as many blocks as it has."""
    monkeypatch.setattr(readers, "LINE_BYTES", 1_000)
    monkeypatch.setattr(readers, "BLOCK_BYTES", 300)
    path = tmp_path / "log" / "a.jsonl"
    path.parent.mkdir()
    path.write_bytes(orjson.dumps(row(1)) + b"\n" + b"[" * 50_000 + b"\n" + orjson.dumps(row(2)) + b"\n")
    evidence, drawn = sample(tmp_path)
    assert list(drawn["request_id"]) == ["r000001", "r000002"]
    assert evidence.malformed_rows == 1
    assert ":2: the line is longer than 1000 bytes" in evidence.malformed_examples[0]


def test_a_truncated_gzip_loses_only_its_rest(tmp_path: Path) -> None:
    """Whole lines before the break are taken; the rest counts as one malformed row that says where it began."""
    path = tmp_path / "log" / DAY / "a.jsonl.gz"
    write_lines(path, [row(i, text=random.Random(i).randbytes(40).hex()) for i in range(20_000)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    write_lines(tmp_path / "log" / DAY / "b.jsonl.gz", [row(90_000)])
    evidence, _ = sample(tmp_path)
    assert 8_000 < evidence.log_rows < 12_000
    assert evidence.malformed_rows == 1
    assert f"a.jsonl.gz:{evidence.log_rows}: the gzip stream is broken" in evidence.malformed_examples[0]


@pytest.mark.parametrize("damage", ["head", "middle", "empty"])
def test_a_corrupt_parquet_file_is_counted_and_the_others_are_read(tmp_path: Path, damage: str) -> None:
    """The rows lost are counted where the footer tells them, else as one; the example names the file."""
    path = tmp_path / "log" / DAY / "bad.parquet"
    write_parquet(path, [row(i) for i in range(5_000)])
    data = bytearray(path.read_bytes())
    if damage == "middle":
        data[4:2_000] = bytes(1_996)
    path.write_bytes({"head": b"PAR1 no more", "middle": bytes(data), "empty": b""}[damage])
    write_lines(tmp_path / "log" / DAY / "good.jsonl", [row(90_000)])
    evidence, drawn = sample(tmp_path)
    assert "r090000" in set(drawn["request_id"])
    assert evidence.malformed_rows == (5_000 if damage == "middle" else 1)
    assert evidence.malformed_examples[0].startswith(f"{DAY}/bad.parquet: the Parquet file is corrupt after row 0")


def test_a_column_that_vanishes_halfway_is_null_and_counted(tmp_path: Path) -> None:
    """Rows without it are counted by column in both formats; a null value is not a missing column."""
    whole = [row(i) for i in range(10)]
    without = [{key: value for key, value in row(i).items() if key not in {"label", "source"}} for i in range(10, 30)]
    write_lines(tmp_path / "log" / DAY / "a.jsonl", whole + without[:5])
    write_parquet(tmp_path / "log" / DAY / "b.parquet", without[5:])
    evidence, drawn = sample(tmp_path)
    assert evidence.missing_columns == {"label": 20, "source": 20}
    assert drawn["source"].isna().sum() == 20
    assert evidence.labelled_rows == 7


def test_feedback_is_kept_where_the_log_has_it(tmp_path: Path) -> None:
    """It is never counted as missing, and other columns of the log are not read."""
    write_lines(tmp_path / "log" / "a.jsonl", [row(1, feedback="up", trace="x"), row(2)])
    evidence, drawn = sample(tmp_path)
    assert list(drawn["feedback"].fillna("none")) == ["up", "none"]
    assert "trace" not in drawn
    assert evidence.missing_columns == {}


def test_parquet_times_and_ids_of_other_types_are_read(tmp_path: Path) -> None:
    """Zoned, naive and nanosecond timestamps, dates and text are times; integer ids are text."""
    times = [
        pa.array([datetime(2026, 3, 7, 1, tzinfo=UTC)], pa.timestamp("ns", tz="Europe/Paris")),
        pa.array([datetime(2026, 3, 7, 1)], pa.timestamp("ms")),  # noqa: DTZ001  a naive one is the case
        pa.array([datetime(2026, 3, 7).date()], pa.date32()),  # noqa: DTZ001
        pa.array(["2026-03-07T02:00:00+01:00"]),
        pa.array([None], pa.timestamp("us")),
    ]
    (tmp_path / "log").mkdir()
    for number, time in enumerate(times):
        rest = {"text": ["a"], "source": ["b"], "status": ["ok"], "label": ["c"]}
        pq.write_table(pa.table({"request_id": [number], "ts": time} | rest), tmp_path / "log" / f"{number}.parquet")
    evidence, drawn = sample(tmp_path)
    assert list(drawn["request_id"]) == ["0", "1", "2", "3", "4"]
    assert [None if pd.isna(time) else time.hour for time in drawn["ts"]] == [1, 1, 0, 1, None]
    assert evidence.missing_columns == {}
