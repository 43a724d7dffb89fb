"""The sentiment example's data: nothing leaks between the sets and the log, and the log looks like a service's own."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sentiment_data
from sentiment_corpus import text_key
from sentiment_log import AS_OF, DAYS, SCHEMA

from tasks.core.files import digest

if TYPE_CHECKING:
    from pathlib import Path

    from support.example_candidates import ReadLog

SETS = ("train", "calibration", "evaluation")


@pytest.fixture(scope="session")
def sets(data_folder: Path) -> dict[str, pd.DataFrame]:
    """Return the three sets of movie reviews by name."""
    return {name: pd.read_parquet(data_folder / f"{name}.parquet") for name in SETS}


def test_no_text_is_on_two_sides(sets: dict[str, pd.DataFrame], log: ReadLog) -> None:
    """Train, calibration, evaluation and the log share no text, whatever its case, blanks and punctuation."""
    keys = {name: {text_key(text) for text in rows["text"]} for name, rows in sets.items()}
    keys["log"] = {text_key(text) for text in log.rows["text"]}
    for one, other in combinations(keys, 2):
        assert not keys[one] & keys[other], f"{one} and {other} share texts"


def test_a_set_holds_each_text_once(sets: dict[str, pd.DataFrame]) -> None:
    """Within a set no text comes twice, and every row has an id of its own and a label."""
    for rows in sets.values():
        assert list(rows.columns) == ["request_id", "text", "label", "source"]
        assert rows["text"].map(text_key).is_unique
        assert rows["request_id"].is_unique
        assert set(rows["label"]) == {"positive", "negative"}
        assert set(rows["source"]) == {"movies"}


def test_the_sets_have_the_sizes_asked(sets: dict[str, pd.DataFrame]) -> None:
    """Evaluation and calibration have their fixed sizes, and training has the greater part."""
    assert len(sets["evaluation"]) == sentiment_data.EVALUATION_ROWS
    assert len(sets["calibration"]) == sentiment_data.CALIBRATION_ROWS
    assert len(sets["train"]) > 6000


def test_text_key_ignores_what_copies_differ_in() -> None:
    """Case, blanks and punctuation do not tell two texts apart, and punctuation alone still has a key."""
    assert text_key("  Don't waste your MONEY!! ") == text_key("don t waste\tyour money")
    assert text_key("good") != text_key("not good")
    assert text_key(" :) ") == ":)"


def test_the_log_alternates_its_formats(log: ReadLog) -> None:
    """Each of the 28 days has one partition, and neighbouring days differ in format."""
    formats = log.rows.groupby("partition")["format"].unique()
    assert list(formats.index) == [f"{day:%Y-%m-%d}" for day in pd.date_range(end=AS_OF, periods=DAYS + 1)[:-1]]
    assert [list(found) for found in formats] == [[".gz"], [".parquet"]] * (DAYS // 2)


def test_parquet_partitions_hold_utc_timestamps(data_folder: Path) -> None:
    """Every Parquet partition has the same schema, with times as UTC timestamps."""
    for path in (data_folder / "log").glob("dt=*/*.parquet"):
        assert pq.read_schema(path).equals(SCHEMA)


def test_every_request_lies_in_the_window(log: ReadLog) -> None:
    """No request is later than the end of the log, and a row stands in its own day's partition or the next one."""
    days_late = pd.to_datetime(log.rows["partition"], utc=True) - log.rows["ts"].dt.floor("D")
    assert (log.rows["ts"] < AS_OF).all()
    assert set(days_late.dt.days) == {0, 1}


def test_the_log_has_malformed_lines(log: ReadLog) -> None:
    """Each JSONL partition has a line cut short, a line that is no JSON, and a line that is no UTF-8."""
    assert len(log.malformed) == 3 * DAYS // 2
    assert sum(line.startswith(b'{"request_id"') for line in log.malformed) == DAYS // 2
    assert sum(line.startswith(b"WARNING") for line in log.malformed) == DAYS // 2
    assert sum(line.startswith(b"\xff\xfe") for line in log.malformed) == DAYS // 2


def test_the_log_has_duplicates(log: ReadLog) -> None:
    """Some requests were logged twice, alike but for the partition, a few of them in two partitions."""
    twice = log.rows[log.rows["request_id"].duplicated(keep=False)].drop(columns="format")
    assert twice["request_id"].nunique() * 2 == len(twice)
    assert len(twice) < 0.02 * len(log.rows)
    assert len(twice.drop(columns="partition").drop_duplicates()) == len(twice) // 2
    spread = twice.groupby("request_id")["partition"].nunique()
    assert (spread == 1).any()
    assert (spread == 2).any()


def test_labels_come_late(log: ReadLog) -> None:
    """Some rows have no label, and the last three days have far fewer labels than the first three weeks."""
    labelled = log.rows["label"].notna()
    recent = log.rows["ts"] >= AS_OF - pd.Timedelta(days=3)
    old = log.rows["ts"] < AS_OF - pd.Timedelta(days=7)
    assert set(log.rows.loc[labelled, "label"]) == {"positive", "negative"}
    assert labelled[recent].mean() < 0.5 * labelled[old].mean()
    assert 0.5 < labelled[old].mean() < 0.9


def test_statuses_and_feedback(log: ReadLog) -> None:
    """Nearly all requests were answered, the other statuses occur, and only answered ones can have feedback."""
    shares = log.rows["status"].value_counts(normalize=True)
    assert set(shares.index) == {"ok", "abstained", "error", "timeout"}
    assert shares["ok"] > 0.97
    gave = log.rows["feedback"].notna()
    assert set(log.rows.loc[gave, "feedback"]) == {"up", "down"}
    assert set(log.rows.loc[gave, "status"]) == {"ok"}
    assert set(log.rows["source"]) == {"tweets", "amazon", "nyt"}


def test_the_same_seed_writes_the_same_bytes(data_folder: Path, tmp_path: Path) -> None:
    """Data made again in another folder is the same, byte for byte."""
    again = tmp_path / "sentiment"
    assert sentiment_data.prepare_data(again)
    assert digest(again) == digest(data_folder)


def test_a_second_run_does_nothing(data_folder: Path) -> None:
    """Where the data is current, preparing it writes nothing."""
    before = {path: path.stat().st_mtime_ns for path in data_folder.rglob("*")}
    assert not sentiment_data.prepare_data(data_folder)
    assert {path: path.stat().st_mtime_ns for path in data_folder.rglob("*")} == before


def test_damaged_data_is_made_anew(data_folder: Path, tmp_path: Path) -> None:
    """A partition that was cut short after it was made is noticed and made anew."""
    folder = tmp_path / "sentiment"
    sentiment_data.prepare_data(folder)
    partition = next((folder / "log").glob("dt=*/*.gz"))
    partition.write_bytes(partition.read_bytes()[:-100])
    assert sentiment_data.prepare_data(folder)
    assert digest(folder) == digest(data_folder)
