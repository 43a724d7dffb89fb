"""The flight example: nothing leaks between its sets and its log, and its adapter keeps the contract on any request."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from flight_data import FOLDER as DATA
from flight_data import prepare_data
from flight_log import AS_OF, DAYS, SCHEMA
from flight_records import INPUTS
from support.example_candidates import CANDIDATES, ReadLog

from tasks.core.files import digest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

FLIGHT_DELAY = CANDIDATES / "flight_delay"
CHECKPOINT = FLIGHT_DELAY / "build" / "checkpoint"
SETS = ("train", "calibration", "evaluation")
PLAIN = {"carrier": "UA", "origin": "EWR", "dest": "IAH", "hour": 7, "distance": 1400, "scheduled_minutes": 244, "dep_delay": 12}  # fmt: skip
ODD_VALUES = [
    None,
    float("nan"),
    pd.NA,
    pd.NaT,
    "",
    "unseen",
    "12",
    "half \ud800",
    -1,
    2**63,
    -(10**30),
    1e300,
    float("inf"),
    float("-inf"),
    7.5,
    Decimal(3),
    1j,
    True,
    [1],
    {"a": 1},
    b"EWR",
]


def prepare() -> str:
    """Run prepare.py as a user does and return what it printed."""
    command = [sys.executable, str(FLIGHT_DELAY / "prepare.py")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session", autouse=True)
def prepared() -> None:
    """Have the candidate prepared."""
    prepare()


@pytest.fixture(scope="session")
def sets(prepared: None) -> dict[str, pd.DataFrame]:  # noqa: ARG001  it makes what is read here
    """Return the three sets of January's and February's flights by name."""
    return {name: pd.read_parquet(DATA / f"{name}.parquet") for name in SETS}


@pytest.fixture(scope="session")
def flight_log(prepared: None) -> ReadLog:  # noqa: ARG001  it makes what is read here
    """Return the whole production log, read without launchgate's own reader."""
    frames: list[pd.DataFrame] = []
    malformed: list[bytes] = []
    for path in sorted((DATA / "log").glob("dt=*/*")):
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else read_jsonl(path, malformed)
        frame["ts"] = pd.to_datetime(frame["ts"], utc=True)
        frames.append(frame.assign(partition=path.parent.name.removeprefix("dt="), format=path.suffix))
    return ReadLog(pd.concat(frames, ignore_index=True), tuple(malformed))


def read_jsonl(path: Path, malformed: list[bytes]) -> pd.DataFrame:
    """Return the lines that are JSON as rows, and add the others to `malformed`."""
    records: list[dict[str, Any]] = []
    for line in gzip.decompress(path.read_bytes()).splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            malformed.append(line)
    return pd.DataFrame(records)


@pytest.fixture(scope="session")
def adapter(prepared: None) -> ModuleType:  # noqa: ARG001  it makes what the adapter reads
    """Return the candidate's adapter, loaded from its file."""
    spec = importlib.util.spec_from_file_location("flight_delay_adapter", FLIGHT_DELAY / "adapter.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def net(adapter: ModuleType) -> torch.nn.Module:
    """Return the candidate's trained net."""
    built: torch.nn.Module = adapter.build(CHECKPOINT)
    return built


def answer(adapter: ModuleType, net: torch.nn.Module, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the candidate answers to the rows."""
    with torch.inference_mode():
        outputs = net(**{name: torch.from_numpy(array) for name, array in adapter.encode(rows).items()})
    decoded: pd.DataFrame = adapter.decode({name: tensor.numpy() for name, tensor in outputs.items()})
    return decoded


def local_days(ts: pd.Series[pd.Timestamp], delay_minutes: pd.Series[int]) -> set[pd.Timestamp]:
    """Return the days, by New York's winter clock, on which flights that left at `ts` were to depart."""
    scheduled = ts - pd.to_timedelta(delay_minutes, unit="min") - pd.Timedelta(hours=5)
    return set(scheduled.dt.floor("D").drop_duplicates().array)


def test_no_day_and_no_flight_is_on_two_sides(sets: dict[str, pd.DataFrame], flight_log: ReadLog) -> None:
    """Train, calibration, evaluation and the log share no flight and no day, whose flights share its weather."""
    sides = {**sets, "log": flight_log.rows}
    for one, other in combinations(sides, 2):
        left, right = sides[one], sides[other]
        assert not set(left["request_id"]) & set(right["request_id"]), f"{one} and {other} share flights"
        days = local_days(left["ts"], left["dep_delay"]) & local_days(right["ts"], right["dep_delay"])
        assert not days, f"{one} and {other} share days"


def test_a_set_holds_each_flight_once(sets: dict[str, pd.DataFrame]) -> None:
    """Every row of a set has an id of its own, all inputs and a label, and a set has all weekdays."""
    for rows in sets.values():
        assert list(rows.columns) == ["request_id", "ts", *INPUTS, "label"]
        assert rows["request_id"].is_unique
        assert rows.notna().all(axis=None)
        assert rows["label"].dtype == np.float64
        assert {day.weekday() for day in local_days(rows["ts"], rows["dep_delay"])} == set(range(7))


def test_scheduled_minutes_know_the_time_zones(sets: dict[str, pd.DataFrame], flight_log: ReadLog) -> None:
    """A flight takes about as long in summer as in winter, also to Phoenix and San Juan, where clocks do not change."""
    winter, summer = (rows.groupby("dest")["scheduled_minutes"].median() for rows in (sets["train"], flight_log.rows))
    assert (winter - summer).drop("HNL").dropna().abs().max() < 40  # to Honolulu, winter's head winds take an hour
    for destination, hours in {"PHX": 5.5, "SJU": 3.8, "HNL": 11, "LAX": 6, "BOS": 1.2}.items():
        assert winter[destination] / 60 == pytest.approx(hours, abs=0.5)


def test_the_log_alternates_its_formats(flight_log: ReadLog) -> None:
    """Each of the 60 days has one partition of one format, neighbouring days differ, and Parquet has one schema."""
    formats = flight_log.rows.groupby("partition")["format"].unique()
    assert list(formats.index) == [f"{day:%Y-%m-%d}" for day in pd.date_range(end=AS_OF, periods=DAYS + 1)[:-1]]
    assert [list(found) for found in formats] == [[".gz"], [".parquet"]] * (DAYS // 2)
    assert all(pq.read_schema(path).equals(SCHEMA) for path in (DATA / "log").glob("dt=*/*.parquet"))


def test_a_request_lies_in_its_day(flight_log: ReadLog) -> None:
    """No request is later than the end of the log, and a row stands in its own day's partition or the next one."""
    days_late = pd.to_datetime(flight_log.rows["partition"], utc=True) - flight_log.rows["ts"].dt.floor("D")
    assert (flight_log.rows["ts"] < AS_OF).all()
    assert set(days_late.dt.days) == {0, 1}


def test_the_log_has_faults(flight_log: ReadLog) -> None:
    """Each JSONL partition has three malformed lines, and some requests were logged twice."""
    assert len(flight_log.malformed) == 3 * DAYS // 2
    assert sum(line.startswith(b'{"request_id"') for line in flight_log.malformed) == DAYS // 2
    twice = flight_log.rows["request_id"].duplicated()
    assert 0 < twice.sum() < 0.02 * len(flight_log.rows)
    repeated = flight_log.rows[flight_log.rows["request_id"].duplicated(keep=False)]
    assert len(repeated.drop(columns=["partition", "format"]).drop_duplicates()) == twice.sum()


def test_labels_come_late(flight_log: ReadLog) -> None:
    """Most older requests have a label, the last day's have few, and who is still in the air has none."""
    labelled, ts = flight_log.rows["label"].notna(), flight_log.rows["ts"]
    old = ts < AS_OF - pd.Timedelta(days=10)
    recent = ts >= AS_OF - pd.Timedelta(days=1)
    airborne = ts + pd.to_timedelta(flight_log.rows["scheduled_minutes"], unit="min") > AS_OF + pd.Timedelta(hours=1)
    assert 0.9 < labelled[old].mean() < 0.97
    assert labelled[recent].mean() < 0.5 * labelled[old].mean()
    assert airborne.any()
    assert not labelled[airborne].any()
    assert flight_log.rows["label"].dtype == np.float64


def test_statuses_and_feedback(flight_log: ReadLog) -> None:
    """Nearly all requests were answered, the other statuses occur, and only answered ones can have feedback."""
    shares = flight_log.rows["status"].value_counts(normalize=True)
    assert set(shares.index) == {"ok", "abstained", "error", "timeout"}
    assert shares["ok"] > 0.97
    gave = flight_log.rows["feedback"].notna()
    assert set(flight_log.rows.loc[gave, "feedback"]) == {"up", "down"}
    assert set(flight_log.rows.loc[gave, "status"]) == {"ok"}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    """Data made again in another folder is the same, byte for byte."""
    again = tmp_path / "flights"
    assert prepare_data(again)
    assert digest(again) == digest(DATA)


def test_a_second_prepare_does_nothing() -> None:
    """A candidate that is prepared says so in one line, and its checkpoint stays as it was."""
    recorded = (CHECKPOINT.parent / "checkpoint.sha256").read_text().strip()
    assert prepare() == "nothing to do: flight_delay and its data are current\n"
    assert digest(CHECKPOINT) == recorded


def test_any_request_gets_a_prediction(adapter: ModuleType, net: torch.nn.Module) -> None:
    """Missing, unknown, out of range or of another type: each input may be anything, and the answer stays usable."""
    rows = pd.DataFrame([{**PLAIN, name: value} for name in INPUTS for value in ODD_VALUES], dtype="object")
    for batch in (rows, rows.map(lambda _: None), rows.iloc[[0]]):
        decoded = answer(adapter, net, batch)
        assert list(decoded.columns) == ["prediction", "confidence"]
        assert len(decoded) == len(batch)
        assert decoded["prediction"].dtype == np.float64
        assert decoded["prediction"].abs().max() < 240
        assert decoded["confidence"].between(0, 1).all()


def test_what_cannot_be_right_is_unknown(adapter: ModuleType) -> None:
    """A number out of range, as text or of another type is encoded as a missing one is, and so is an unseen code."""
    odd = {"carrier": "unseen", "origin": 3, "dest": None, "hour": 24, "distance": "12", "scheduled_minutes": True, "dep_delay": 1e9}  # fmt: skip
    missing, unknown = (adapter.encode(pd.DataFrame([row], dtype="object")) for row in (dict.fromkeys(INPUTS), odd))
    for name, array in missing.items():
        np.testing.assert_array_equal(unknown[name], array)


def test_an_integer_is_as_good_as_a_float(adapter: ModuleType) -> None:
    """Whether a number was written 12 or 12.0 makes no difference."""
    integers = pd.DataFrame([PLAIN])
    floats = integers.astype(dict.fromkeys(["hour", "distance", "scheduled_minutes", "dep_delay"], "float64"))
    for name, array in adapter.encode(integers).items():
        np.testing.assert_array_equal(adapter.encode(floats)[name], array)


def test_neighbours_do_not_change_a_row(
    adapter: ModuleType, net: torch.nn.Module, sets: dict[str, pd.DataFrame]
) -> None:
    """A flight's answer is the same alone and among others, up to rounding."""
    rows = sets["evaluation"].head(50)
    together = answer(adapter, net, rows)
    alone = pd.concat([answer(adapter, net, rows.iloc[[place]]) for place in range(len(rows))], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone, atol=1e-4)


def test_the_net_has_learnt_something(adapter: ModuleType, net: torch.nn.Module, sets: dict[str, pd.DataFrame]) -> None:
    """On days it never saw it is nearer than the departure delay with a constant, and about as sure as it should be."""
    rows, seen = sets["evaluation"], sets["train"]
    decoded = answer(adapter, net, rows)
    error = (decoded["prediction"] - rows["label"]).abs()
    constant = (seen["label"] - seen["dep_delay"]).median()
    assert error.mean() < (rows["dep_delay"] + constant - rows["label"]).abs().mean()
    within = error <= adapter.TOLERANCE_MINUTES
    assert within.mean() == pytest.approx(decoded["confidence"].mean(), abs=0.05)
    surer = decoded["confidence"] > decoded["confidence"].median()
    assert within[surer].mean() > within[~surer].mean() + 0.1


def test_the_folder_serves_by_itself(tmp_path: Path) -> None:
    """A copy of the folder encodes in a fresh process elsewhere, without torch and without this repository."""
    copy = tmp_path / "served"
    shutil.copytree(FLIGHT_DELAY, copy, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import adapter, pandas\n"
        "batch = adapter.encode(pandas.DataFrame([json.loads(sys.argv[2])] * 2))\n"
        "print(json.dumps([[len(array) for array in batch.values()], [n for n in ('torch', 'tasks') if n in sys.modules]]))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, str(copy), json.dumps(PLAIN)],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert json.loads(finished.stdout) == [[2, 2, 2], []]
