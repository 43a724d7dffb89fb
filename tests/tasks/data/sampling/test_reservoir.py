"""Which of the log's requests are kept: one of its copies, and more of a rare slice."""

from __future__ import annotations

import random
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import pytest
from support.prediction_logs import DAY, row, sample, write_lines, write_parquet

if TYPE_CHECKING:
    from pathlib import Path


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
