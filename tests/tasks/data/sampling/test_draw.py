"""The sampler on real log folders: which rows it takes, and what it says of those that it can't read."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import chi2

from infra.storage import open_log
from tasks.core.errors import InputError
from tasks.core.files import digest
from tasks.core.records import Columns
from tasks.core.settings import Sampling
from tasks.data.sampling import LatestTimes, draw_sample, readers

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evidence import SampleEvidence

COLUMNS = Columns(id="request_id", time="ts", label="label", input=("text",), status="status", slices=("source",))
AS_OF = datetime(2026, 3, 8, 12, tzinfo=UTC)
DAY = "dt=2026-03-07"


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return a logged request of the last day of the window."""
    time = datetime(2026, 3, 7, tzinfo=UTC) + timedelta(seconds=number % 80_000)
    return {
        "request_id": f"r{number:06d}",
        "ts": time.isoformat(),
        "text": f"text {number}",
        "source": ("tweets", "films")[number % 2],
        "status": ("ok", "ok", "ok", "error")[number % 4],
        "label": ("good", "bad", None)[number % 3],
    } | changes


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as JSON lines, compressed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b"".join(orjson.dumps(each) + b"\n" for each in rows)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as Parquet with real timestamps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = [datetime.fromisoformat(each["ts"]) for each in rows]
    pq.write_table(pa.Table.from_pylist([each | {"ts": at} for each, at in zip(rows, times, strict=True)]), path)


def sample(
    folder: Path,
    rows: int = 100,
    seed: int = 1,
    days: int = 7,
    columns: Columns = COLUMNS,
    as_of: datetime = AS_OF,
    per_slice: int = 0,
) -> tuple[SampleEvidence, pd.DataFrame]:
    """Draw a sample of the log in `folder/log` and return the evidence and the rows written."""
    out = folder / "out" / "sample.parquet"
    sampling = Sampling(rows=rows, rows_per_slice=per_slice, window_days=days, seed=seed, stale_after_hours=24)
    evidence = draw_sample(open_log(str(folder / "log")), columns, sampling, as_of, out)
    return evidence, pq.read_table(out).to_pandas()


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


def test_a_log_of_mostly_copies_is_sampled_all_the_same(tmp_path: Path) -> None:
    """Its rows promise two hundred times as many requests as there are; none that the sample needs is passed over."""
    rows = [row(i) for i in range(40)]
    write_parquet(tmp_path / "many" / "log" / DAY / "a.parquet", rows * 200)
    write_parquet(tmp_path / "once" / "log" / DAY / "a.parquet", rows)
    many, drawn = sample(tmp_path / "many", rows=20)
    once, expected = sample(tmp_path / "once", rows=20)
    assert (many.rows, many.log_rows, once.log_rows) == (20, 8000, 40)
    assert list(drawn["request_id"]) == list(expected["request_id"])
    assert drawn["sampling_weight"].equals(expected["sampling_weight"])
    assert set(drawn["copies"]) == {200}


def test_another_seed_gives_another_sample(tmp_path: Path) -> None:
    """Two seeds share about as many requests as two independent draws do."""
    write_lines(tmp_path / "log" / "a.jsonl", [row(i) for i in range(1_000)])
    first, second = (set(sample(tmp_path, seed=seed)[1]["request_id"]) for seed in (1, 2))
    assert len(first & second) < 30


def test_every_request_is_equally_likely(tmp_path: Path) -> None:
    """Over 400 seeds the requests' counts fit a uniform draw without replacement (chi-square at 99.9%)."""
    requests, size, seeds = 150, 30, 400
    write_parquet(tmp_path / "log" / DAY / "a.parquet", [row(i) for i in range(requests)])
    drawn = Counter(name for seed in range(seeds) for name in sample(tmp_path, size, seed)[1]["request_id"])
    share = size / requests
    spread = sum((drawn[f"r{i:06d}"] - seeds * share) ** 2 for i in range(requests)) / (seeds * share * (1 - share))
    assert sum(drawn.values()) == seeds * size
    assert chi2.ppf(0.001, requests - 1) < spread * (requests - 1) / requests < chi2.ppf(0.999, requests - 1)


def test_a_request_that_is_logged_often_is_no_likelier(tmp_path: Path) -> None:
    """Ten copies of half of the requests do not raise that half's share of the sample."""
    requests = 4_000
    write_lines(tmp_path / "log" / "a.jsonl", [row(i) for i in range(requests) for _ in range(1 + 9 * (i % 2))])
    evidence, drawn = sample(tmp_path, rows=1_000)
    odd = drawn["source"].eq("films")
    assert abs(odd.mean() - 0.5) < 4 * (0.25 / 1_000) ** 0.5
    assert set(drawn.loc[odd, "copies"]) == {10}
    assert set(drawn.loc[~odd, "copies"]) == {1}
    assert evidence.duplicated_rows == odd.sum()


def test_of_copies_the_labelled_then_the_latest_is_kept(tmp_path: Path) -> None:
    """A label beats a later time, a later time beats an earlier one, and all rows are counted across files."""
    early, late = "2026-03-07T01:00:00Z", "2026-03-07T02:00:00Z"
    write_lines(tmp_path / "log" / "a.jsonl", [row(1, ts=late, label=None), row(2, ts=early, label=None, text="old")])
    write_lines(tmp_path / "log" / "b.jsonl", [row(1, ts=early, label="good"), row(2, ts=late, label=None, text="new")])
    write_lines(tmp_path / "log" / "c.jsonl", [row(1, ts=late, label=None), row(3)])
    evidence, drawn = sample(tmp_path)
    assert list(drawn["copies"]) == [3, 2, 1]
    assert list(drawn["text"]) == ["text 1", "new", "text 3"]
    assert drawn["label"].iloc[0] == "good"
    assert (evidence.rows, evidence.log_rows, evidence.duplicated_rows) == (3, 6, 2)


def lopsided(number: int) -> dict[str, Any]:
    """Return a row of a log where one request in a hundred is an editorial, and those are never labelled good."""
    rare = number % 100 == 7
    return row(number, source="editorials" if rare else "tweets", label="bad" if rare else ("good", "bad")[number % 2])


def test_of_copies_that_differ_in_nothing_else_the_content_decides(tmp_path: Path) -> None:
    """Whatever the order and format in which they were logged."""
    texts = ("b", "c", "a")
    copies = [row(7, text=text, label="good") for text in texts]
    write_lines(tmp_path / "one" / "log" / DAY / "a.jsonl", copies)
    write_parquet(tmp_path / "two" / "log" / DAY / "a.parquet", copies[::-1])
    write_parquet(tmp_path / "two" / "log" / DAY / "b.parquet", [row(8, label=None)])
    write_lines(tmp_path / "one" / "log" / DAY / "b.jsonl", [row(8, label=None)])
    one, drawn = sample(tmp_path / "one")
    two, _ = sample(tmp_path / "two")
    assert drawn["text"].tolist() == ["c", "text 8"]
    assert drawn["copies"].tolist() == [3, 1]
    assert one.raw == two.raw


def test_a_rare_slice_has_rows_of_its_own_and_weights_say_what_each_stands_for(tmp_path: Path) -> None:
    """The rare slice is drawn more often; weighted, its share and the log's size are what they are in the log."""
    write_parquet(tmp_path / "log" / DAY / "a.parquet", [lopsided(i) for i in range(20_000)])
    evidence, drawn = sample(tmp_path, rows=1_000, per_slice=100)
    rare = drawn["source"] == "editorials"
    assert rare.sum() == 100
    assert 1_000 < len(drawn) <= 1_100
    assert len(set(drawn.loc[~rare, "sampling_weight"])) == 1
    shares = {stratum.value: stratum.log_share for stratum in evidence.strata}
    assert shares["editorials"] == pytest.approx(0.01, abs=0.004)
    assert evidence.log_requests == pytest.approx(20_000, rel=0.1) == drawn["sampling_weight"].sum()


def test_weighted_means_are_unbiased(tmp_path: Path) -> None:
    """Over many seeds the weighted share of a label meets the log's, where the unweighted one is far off."""
    write_parquet(tmp_path / "log" / DAY / "a.parquet", [lopsided(i) for i in range(4_000)])
    weighted, plain, sizes = [], [], []
    for seed in range(24):
        _, drawn = sample(tmp_path, rows=60, per_slice=30, seed=seed)
        good = drawn["label"] == "good"
        sizes.append(drawn["sampling_weight"].sum())
        weighted.append((good * drawn["sampling_weight"]).sum() / sizes[-1])
        plain.append(good.mean())
    truth = sum(lopsided(i)["label"] == "good" for i in range(4_000)) / 4_000
    error = stdev(weighted) / len(weighted) ** 0.5
    assert mean(weighted) == pytest.approx(truth, abs=4 * error)
    assert mean(sizes) == pytest.approx(4_000, abs=4 * stdev(sizes) / len(sizes) ** 0.5)
    assert mean(plain) < truth - 0.05


def test_a_stratified_sample_is_the_same_however_the_log_lies(tmp_path: Path) -> None:
    """Nor where copies of a request were logged under different slices."""
    rows = [lopsided(i) for i in range(5_000)]
    rows += [lopsided(i) | {"source": "films", "label": None} for i in range(0, 5_000, 9)]
    digests = set()
    for attempt, writer in enumerate((write_lines, write_parquet)):
        random.Random(attempt).shuffle(rows)
        for part in range(attempt * 6 + 1):
            name = f"{DAY}/{part}{('.jsonl', '.parquet')[attempt]}"
            writer(tmp_path / str(attempt) / "log" / name, rows[part :: attempt * 6 + 1])
        evidence, drawn = sample(tmp_path / str(attempt), rows=300, per_slice=80)
        assert drawn["request_id"].is_unique
        assert {stratum.value for stratum in evidence.strata} == {"editorials", "films", "tweets"}
        digests.add(evidence.raw.sha256)
    assert len(digests) == 1


def test_a_column_of_many_values_is_no_column_of_slices(tmp_path: Path) -> None:
    """Rows of its every value would be the whole log; the sample is as if it had not been named."""
    write_lines(tmp_path / "log" / DAY / "a.jsonl", [row(i, source=f"page {i}") for i in range(2_000)])
    evidence, drawn = sample(tmp_path, rows=100, per_slice=10)
    assert (len(drawn), evidence.strata) == (100, ())
    assert len(set(drawn["sampling_weight"])) == 1


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


def test_a_row_without_a_readable_time_or_id_is_kept_for_the_quality_suite(tmp_path: Path) -> None:
    """Its time or id is null in the sample; rows without id are requests of their own and come last."""
    rows = [row(1, ts=None), row(2, ts="yesterday"), row(3, ts=17), row(4, request_id=None), row(5, request_id=None)]
    write_lines(tmp_path / "log" / DAY / "a.jsonl", [*rows, row(6, request_id=6)])
    evidence, drawn = sample(tmp_path)
    assert list(drawn["request_id"].fillna("null")) == ["6", "r000001", "r000002", "r000003", "null", "null"]
    assert drawn["ts"].isna().sum() == 3
    assert list(drawn["text"].tail(2)) == ["text 4", "text 5"]
    assert (evidence.rows, evidence.duplicated_rows, evidence.outside_window_rows) == (6, 0, 0)


def test_malformed_lines_are_counted_shown_and_kept_aside(tmp_path: Path) -> None:
    """Bad JSON, text that is no object and bad UTF-8 are malformed; blank lines are nothing; a last line needs no end."""
    path = tmp_path / "log" / DAY / "a.jsonl"
    path.parent.mkdir(parents=True)
    good = orjson.dumps(row(1))
    path.write_bytes(
        good + b"\n{oops\n\n[1, 2]\n   \n\xff\xfe{}\n" + b'{"a": ' * 40 + b"\n" * 2 + b"x\n" * 5 + good[:-1]
    )
    evidence, drawn = sample(tmp_path)
    assert len(drawn) == 1
    assert evidence.malformed_rows == 10
    assert len(evidence.malformed_examples) == 5
    assert evidence.malformed_examples[0].startswith(f"{DAY}/a.jsonl:2: not JSON, ")
    assert evidence.malformed_examples[0].endswith("({oops)")
    assert evidence.malformed_examples[1] == f"{DAY}/a.jsonl:4: not a JSON object ([1, 2])"
    assert max(len(example.split("(")[-1]) for example in evidence.malformed_examples) <= 81
    aside = [json.loads(line) for line in (tmp_path / "out" / "sample.malformed.jsonl").read_text().splitlines()]
    assert [each["line"] for each in aside] == [2, 4, 6, 7, 9, 10, 11, 12, 13, 14]
    assert aside[0]["content"] == "{oops"


def test_no_more_than_a_thousand_malformed_lines_are_kept(tmp_path: Path) -> None:
    """All of them are counted all the same."""
    path = tmp_path / "log" / "a.jsonl"
    write_lines(path, [row(1)])
    path.write_bytes(path.read_bytes() + b"?\n" * 3_000)
    evidence, _ = sample(tmp_path)
    assert evidence.malformed_rows == 3_000
    assert len((tmp_path / "out" / "sample.malformed.jsonl").read_text().splitlines()) == 1_000


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


def test_a_label_that_is_nowhere_is_null_everywhere(tmp_path: Path) -> None:
    """The column is there all the same, with as many rows counted as the log has."""
    write_parquet(tmp_path / "log" / "a.parquet", [row(i) for i in range(12)])
    evidence, drawn = sample(tmp_path, columns=COLUMNS.model_copy(update={"label": "truth", "id": "request_id"}))
    assert evidence.missing_columns == {"truth": 12}
    assert evidence.labelled_rows == 0
    assert drawn["truth"].isna().all()


def test_labels_keep_their_type_unless_files_disagree(tmp_path: Path) -> None:
    """Integers stay integers; integers beside text become text; NaN is no label; objects become JSON text."""
    write_lines(tmp_path / "log" / "a.jsonl", [row(1, label=1, text={"b": 1}), row(2, label=0, text={})])
    write_parquet(tmp_path / "log" / "b.parquet", [row(3, label=float("nan"), text="plain")])
    evidence, drawn = sample(tmp_path)
    assert pq.read_schema(tmp_path / "out" / "sample.parquet").field("label").type == pa.int64()
    assert list(drawn["text"]) == ['{"b":1}', "{}", "plain"]
    assert evidence.labelled_rows == 2
    write_lines(tmp_path / "log" / "c.jsonl", [row(4, label="1")])
    _, drawn = sample(tmp_path)
    assert list(drawn["label"].dropna()) == ["1", "0", "1"]


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


def test_times_of_all_requests_of_the_window_are_kept_however_few_are_drawn(tmp_path: Path) -> None:
    """Those outside of the window and without a time are not; a sample of so few would have no bursts left."""
    rows = [row(number) for number in range(500)]
    write_lines(tmp_path / "log" / DAY / "a.jsonl", [*rows[::2], row(1, ts="2020-01-01T00:00:00Z"), row(2, ts="noon")])
    write_parquet(tmp_path / "log" / DAY / "b.parquet", rows[1::2])
    sampling = Sampling(rows=10, rows_per_slice=0, window_days=7, seed=1, stale_after_hours=24)
    times = LatestTimes()
    draw_sample(open_log(str(tmp_path / "log")), COLUMNS, sampling, AS_OF, tmp_path / "drawn.parquet", times=times)
    assert times.times_us().tolist() == [
        int(datetime.fromisoformat(each["ts"]).timestamp() * 1_000_000) for each in rows
    ]


def test_of_a_long_log_the_latest_times_are_kept() -> None:
    """Whatever the order in which they are read, and with as many waiting again."""
    times, order = LatestTimes(most=100), np.random.default_rng(0).permutation(10_000)
    for part in np.array_split(order, 70):
        times.offer(part)
    assert times.times_us().tolist() == list(range(9_900, 10_000))
