"""A sample of a log: of the window alone, as likely for every request, and the same however it was logged."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from scipy.stats import chi2
from support.prediction_logs import AS_OF, COLUMNS, DAY, row, sample, write_lines, write_parquet

from tasks.core.errors import InputError
from tasks.core.files import digest

if TYPE_CHECKING:
    from pathlib import Path


def test_takes_all_requests_of_a_log_that_is_smaller_than_asked(tmp_path: Path) -> None:
    """Every request and every status is there, sorted by id, with its values as logged."""
    write_lines(tmp_path / "log" / DAY / "a.jsonl", [row(i) for i in range(40)])
    evidence, drawn = sample(tmp_path)
    assert (evidence.rows, evidence.log_rows, evidence.log_files) == (40, 40, 1)
    assert list(drawn["request_id"]) == [f"r{i:06d}" for i in range(40)]
    assert list(drawn.columns) == ["request_id", "ts", "text", "label", "status", "source", "copies", "sampling_weight"]
    assert evidence.by_status == {"error": 10, "ok": 30}
    assert evidence.labelled_rows == 27 == drawn["label"].notna().sum()
    assert drawn["ts"].iloc[3] == pd.Timestamp("2026-03-07T00:00:03Z")
    assert evidence.raw.sha256 == digest(tmp_path / "out" / "sample.parquet")
    assert not (tmp_path / "out" / "sample.malformed.jsonl").exists()


def test_same_seed_and_requests_give_the_same_bytes_however_they_are_logged(tmp_path: Path) -> None:
    """Neither the order of rows nor their files or formats change the sample."""
    rows = [row(i) for i in range(6_000)]
    rows += [row(i, label="late") for i in range(0, 6_000, 50)]
    digests = set()
    for attempt, writer in enumerate((write_lines, write_lines, write_parquet)):
        folder = tmp_path / str(attempt)
        random.Random(attempt).shuffle(rows)
        ending = (".jsonl", ".ndjson.gz", ".parquet")[attempt]
        for part in range(attempt * 2 + 1):
            writer(folder / "log" / f"{DAY}/{part}{ending}", rows[part :: attempt * 2 + 1])
        evidence, drawn = sample(folder, rows=500)
        assert evidence.rows == len(drawn) == 500
        digests.add(evidence.raw.sha256)
    assert len(digests) == 1


def test_another_seed_gives_another_sample(tmp_path: Path) -> None:
    """Two seeds share about as many requests as two independent draws do."""
    write_lines(tmp_path / "log" / "a.jsonl", [row(i) for i in range(1_000)])
    first, second = (set(sample(tmp_path, seed=seed)[1]["request_id"]) for seed in (1, 2))
    assert len(first & second) < 30


def test_every_request_is_equally_likely(tmp_path: Path) -> None:
    """Over 200 seeds the requests' counts fit a uniform draw without replacement (chi-square at 99.9%)."""
    requests, size, seeds = 150, 30, 200
    write_parquet(tmp_path / "log" / DAY / "a.parquet", [row(i) for i in range(requests)])
    drawn = Counter(name for seed in range(seeds) for name in sample(tmp_path, size, seed)[1]["request_id"])
    share = size / requests
    spread = sum((drawn[f"r{i:06d}"] - seeds * share) ** 2 for i in range(requests)) / (seeds * share * (1 - share))
    assert sum(drawn.values()) == seeds * size
    assert chi2.ppf(0.001, requests - 1) < spread * (requests - 1) / requests < chi2.ppf(0.999, requests - 1)


def test_only_partitions_of_the_window_are_opened_and_rows_are_filtered_by_time(tmp_path: Path) -> None:
    """The window is (as_of - days, as_of]; a partition outside of it is not even read, a file without one is."""
    log = tmp_path / "log"
    write_lines(
        log / "dt=2026-03-06" / "a.jsonl", [row(1, ts="2026-03-06T11:59:59Z"), row(2, ts="2026-03-06T12:00:00Z")]
    )
    write_lines(
        log / "dt=2026-03-08" / "a.jsonl", [row(3, ts="2026-03-08T12:00:00Z"), row(4, ts="2026-03-08T12:00:01Z")]
    )
    write_lines(log / "loose.jsonl", [row(5, ts="2026-03-06T14:00:01+02:00"), row(6, ts="2026-03-06T12:00:01")])
    for day in ("dt=2026-03-05", "dt=2026-03-09"):
        (log / day).mkdir()
        (log / day / "broken.parquet").write_bytes(b"never opened")
    evidence, drawn = sample(tmp_path, days=2)
    assert list(drawn["request_id"]) == ["r000003", "r000005", "r000006"]
    assert (evidence.log_files, evidence.log_rows, evidence.outside_window_rows) == (3, 6, 3)
    assert evidence.malformed_rows == 0
    assert evidence.window_start == AS_OF - timedelta(days=2)


def test_a_log_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    """The error names the log and its first fault."""
    write_lines(tmp_path / "log" / DAY / "a.parquet", [])
    with pytest.raises(InputError, match=r"no row of the 1 log files in .*/log .* could be read; .*a\.parquet"):
        sample(tmp_path)


def test_a_folder_without_log_files_is_refused(tmp_path: Path) -> None:
    """The error says how many files there are and which endings are read; hidden files do not count."""
    write_lines(tmp_path / "log" / "readme.txt", [])
    write_lines(tmp_path / "log" / "_temporary" / "a.jsonl", [row(1)])
    write_lines(tmp_path / "log" / ".b.jsonl", [row(1)])
    with pytest.raises(InputError, match=r"holds no prediction log: none of its 1 files .* \.jsonl, .*\.parquet"):
        sample(tmp_path)


def test_an_empty_window_gives_no_rows_and_the_right_columns(tmp_path: Path) -> None:
    """It is for the gates to reject it."""
    write_lines(tmp_path / "log" / DAY / "a.jsonl", [row(1)])
    evidence, drawn = sample(tmp_path, as_of=AS_OF + timedelta(days=300))
    assert (evidence.rows, evidence.log_rows, evidence.log_files, evidence.raw.rows) == (0, 0, 0, 0)
    assert list(drawn.columns) == ["request_id", "ts", "text", "label", "status", "source", "copies", "sampling_weight"]
    assert str(drawn["ts"].dtype) == "datetime64[us, UTC]"


def test_a_log_column_named_like_the_samples_own_is_refused(tmp_path: Path) -> None:
    """`copies` is added by the sample, so no column of the candidate may have that name."""
    write_lines(tmp_path / "log" / "a.jsonl", [row(1)])
    with pytest.raises(InputError, match="the column 'copies' is what the sample itself adds"):
        sample(tmp_path, columns=COLUMNS.model_copy(update={"slices": ("copies",)}))


def test_the_cluster_is_drawn_with_the_other_columns(tmp_path: Path) -> None:
    """It stands beside each request from either format, and is missed where the log lacks it."""
    by_user = COLUMNS.model_copy(update={"cluster": "user"})
    write_lines(tmp_path / "log" / DAY / "a.jsonl", [row(i, user=f"u{i % 7}") for i in range(20)])
    write_parquet(tmp_path / "log" / DAY / "b.parquet", [row(i, user=f"u{i % 7}") for i in range(20, 40)])
    write_lines(tmp_path / "log" / DAY / "c.jsonl", [row(i) for i in range(40, 50)])
    evidence, drawn = sample(tmp_path, columns=by_user)
    assert drawn["user"].head(40).tolist() == [f"u{i % 7}" for i in range(40)]
    assert evidence.missing_columns == {"user": 10}
