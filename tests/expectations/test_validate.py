"""Data quality: what a sound data set passes, and what each planted fault is told as."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support.quality_example import AS_OF, COLUMNS, DRIFT, QUALITY, ROWS, evaluation_set, log, planted, production

from expectations.validate import validate_evaluation, validate_production
from tasks.data.drift import refer
from tasks.data.sampling.write import WEIGHT
from tasks.evaluation.robustness.arrays import objects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.evidence import ExpectationResult, ValidationEvidence


def failures(evidence: ValidationEvidence, severity: str = "critical") -> list[ExpectationResult]:
    """Return what failed with this severity."""
    return [result for result in evidence.results if not result.success and result.severity == severity]


def test_a_sound_log_passes(tmp_path: Path) -> None:
    """Every expectation is evaluated and holds, and the page says so."""
    evidence = production(log(), tmp_path)
    assert [result.because for result in evidence.results if not result.success] == []
    assert evidence.evaluated_expectations == len(evidence.results) > 20
    assert evidence.rows == ROWS
    assert "0 critical failures, 0 warnings" in (tmp_path / evidence.page).read_text()


def test_times_of_parquet_and_labels_with_gaps_pass(tmp_path: Path) -> None:
    """Timestamps, with a zone or not, and whole-number labels that nulls made floats are as good as text."""
    rows = log()
    rows["label"] = pd.Series([None if row % 3 == 0 else row % 3 - 1 for row in range(ROWS)], dtype="float64")
    for times in (pd.to_datetime(rows["ts"]), pd.to_datetime(rows["ts"]).dt.tz_localize(None)):
        evidence = production(rows.assign(ts=times), tmp_path, evaluation_set((0, 1)))
        assert failures(evidence) == []


def _renamed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns={"text": "body"})


FAULTS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "nulls in the input": (planted("text", 0.05, None), "20 of 400 rows (5%) have no value in column 'text'"),
    "a log where the input vanishes halfway": (planted("text", 0.5, None), "200 of 400 rows (50%) have no value"),
    "another type of input": (
        planted("text", 0.01, 7),
        "something other than text in column 'text' (the evaluation set",
    ),
    "yesterday's schema": (_renamed, "column 'text' is missing (there are request_id, ts, body"),
    "no status column": (lambda rows: rows.drop(columns="status"), "column 'status' is missing"),
    "an id twice": (planted("request_id", 0.01, "r399"), "share their value of column 'request_id' with another row"),
    "a null id": (planted("request_id", 0.0025, None), "1 of 400 rows (0.25%) have no value in column 'request_id'"),
    "all labels null": (planted("label", 1, None), "column 'label' has no value in any row"),
    "an unknown label": (
        planted("label", 0.0025, "mixed"),
        "that the evaluation set lacks (it has 'negative', 'positive')",
    ),
    "a log where a slice vanishes halfway": (planted("source", 0.5, None), "200 of 400 rows (50%) have no value"),
    "all slices null": (planted("source", 1, None), "column 'source' has no value in any row"),
    "an unknown status": (planted("status", 0.02, "OK"), "8 of 400 rows (2%) have a status in column 'status'"),
    "null statuses": (planted("status", 0.02, None), "8 of 400 rows (2%) have no value in column 'status'"),
    "unreadable times": (
        planted("ts", 0.02, "yesterday"),
        "have no readable time in column 'ts', for example 'yesterday'",
    ),
    "bare numbers for times": (planted("ts", 1, 1769817600), "have no readable time in column 'ts'"),
    "times before the window": (planted("ts", 0.02, "2025-01-01T00:00:00Z"), "outside the window 2026-01-01 00:00"),
    "times after the window": (planted("ts", 0.02, "2026-02-01T00:00:00Z"), "outside the window 2026-01-01 00:00"),
    "a stale log": (lambda rows: rows.iloc[72:], "no time within 48 hours before 2026-01-31 00:00 UTC, the newest is"),
    "many duplicates": (planted("copies", 0.25, 2), "100 of 400 rows (25%) were logged more than once"),
    "no row": (lambda rows: rows.iloc[:0], "the production sample has no rows, so 26 other checks were not made"),
    "no column either": (lambda _: pd.DataFrame(), "the production sample has no rows"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_a_critical_failure(fault: str, tmp_path: Path) -> None:
    """Each fault fails critically, and one plain sentence says how much of what."""
    plant, sentence = FAULTS[fault]
    evidence = production(plant(log()), tmp_path)
    told = [result.because for result in failures(evidence)]
    assert any(sentence in because for because in told), told
    assert all("\n" not in because and "; " in because for because in told)


def test_a_renamed_column_is_told_once(tmp_path: Path) -> None:
    """The missing column is the only failure: its other checks are left out, and counted."""
    (failure,) = failures(production(_renamed(log()), tmp_path))
    assert "so 3 other checks were not made" in failure.because
    assert (failure.column, failure.unexpected_rows) == ("text", ROWS)


@pytest.mark.parametrize(
    ("logged", "evaluated", "both"),
    [
        ("1", (0, 1), ("numbers, such as 0", "'1' (text)")),
        (1, ("0", "1"), ("text, such as '0'", "1 (numbers)")),
        (True, (0, 1), ("numbers, such as 0", "True (booleans)")),
        ([1], (0, 1), ("numbers, such as 0", "[1] (lists)")),
    ],
)
def test_labels_of_another_type_give_one_message(
    logged: Any, evaluated: tuple[Any, ...], both: tuple[str, str], tmp_path: Path
) -> None:
    """Labels that can never equal the evaluation set's are told once, with both types."""
    evidence = production(planted("label", 1, logged)(log()), tmp_path, evaluation_set(evaluated))
    (failure,) = failures(evidence)
    assert all(name in failure.because for name in both)
    assert failure.unexpected_rows == ROWS


def test_labels_of_a_set_without_labels_fail(tmp_path: Path) -> None:
    """An evaluation set with no label leaves no label valid, so nothing passes for want of a set to be in."""
    (failure,) = failures(production(log(), tmp_path, evaluation_set().assign(label=None)))
    assert "that the evaluation set lacks (it has none)" in failure.because


def test_few_faults_only_warn(tmp_path: Path) -> None:
    """A null input in 400, some unnamed slices and some duplicates warn, and fail nothing."""
    rows = planted("text", 0.0025, None)(planted("source", 0.1, None)(planted("copies", 0.1, 3)(log())))
    evidence = production(rows, tmp_path)
    assert failures(evidence) == []
    assert [result.column for result in failures(evidence, "warning")] == ["text", "source", "copies"]


def test_inputs_that_moved_warn_with_what_moved(tmp_path: Path) -> None:
    """Ten times as long, and half of the labels another one: told in numbers, and nothing fails."""
    rows = log()
    rows["text"] = [text * 10 for text in rows["text"]]
    rows["label"] = "positive"
    told = {result.column: result.because for result in failures(production(rows, tmp_path), "warning")}
    assert failures(production(rows, tmp_path)) == []
    assert set(told) == {"text", "label"}
    assert "'label' has moved from the evaluation set by over 20% (by 50%, share that is elsewhere; " in told["label"]
    assert "positive: 50% → 100%" in told["label"]


def test_rows_of_little_weight_move_little(tmp_path: Path) -> None:
    """A slice that was drawn more often than it comes is no shift."""
    rows = log().assign(label=["positive"] * 390 + ["negative"] * 10)
    weighted = rows.assign(**{WEIGHT: [0.1] * 390 + [3.9] * 10})
    assert [result.column for result in failures(production(rows, tmp_path), "warning")] == ["label"]
    assert failures(production(weighted, tmp_path), "warning") == []


def test_all_nulls_pass_nothing_vacuously(tmp_path: Path) -> None:
    """In a frame of nulls every column fails critically, and what had no value to look at is not counted."""
    evidence = production(pd.DataFrame(None, index=range(50), columns=list(log().columns), dtype=object), tmp_path)
    assert {result.column for result in failures(evidence)} == set(log().columns)
    empty = [result for result in evidence.results if result.checked_rows == 0]
    assert all("there was no value to check" in result.because for result in empty)
    assert evidence.evaluated_expectations == len(evidence.results) - len(empty)


def test_an_expectation_that_raises_has_failed_critically(tmp_path: Path) -> None:
    """Counts and words in one column can't be compared: even the warning becomes critical, with the exception."""
    rows = log()
    rows["copies"] = [1, "two"] * (ROWS // 2)
    evidence = production(rows, tmp_path)
    raised = failures(evidence)
    assert [(result.column, result.severity) for result in raised] == [("copies", "critical")] * 2
    assert all("could not be checked: Column values" in result.because for result in raised)
    assert evidence.evaluated_expectations == len(evidence.results) - 2


def test_failing_ids_are_at_most_twenty_in_order(tmp_path: Path) -> None:
    """The ids of failing rows are the log's own, whatever the index of the frame; a row without one has its number."""
    rows = planted("status", 0.1, "broken")(log())
    rows.loc[3, "request_id"] = None
    rows.index = pd.Index(np.arange(ROWS) + 5_000)
    (failure,) = [result for result in failures(production(rows, tmp_path)) if result.column == "status"]
    assert failure.failing_ids == ("r0", "r1", "r2", "row 3", *(f"r{row}" for row in range(4, 20)))
    assert (failure.unexpected_rows, failure.checked_rows) == (40, ROWS)


def test_evidence_is_plain_json(tmp_path: Path) -> None:
    """No numpy scalar is left in the evidence, which reads back from JSON as it was."""
    evidence = production(planted("status", 0.1, "broken")(log()), tmp_path)
    assert type(evidence).model_validate_json(evidence.model_dump_json()) == evidence
    assert {type(result.unexpected_rows) for result in evidence.results} == {int}


def test_a_sound_evaluation_set_passes(tmp_path: Path) -> None:
    """Every expectation of the evaluation set's suite holds, and it has a page of its own."""
    evidence = validate_evaluation(evaluation_set(), COLUMNS, tmp_path)
    assert all(result.success for result in evidence.results)
    assert evidence.evaluated_expectations == len(evidence.results) > 10
    assert "Evaluation set" in (tmp_path / evidence.page).read_text()


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (planted("label", 0.01, None), "1 of 100 rows (1%) have no value in column 'label'"),
        (planted("text", 0.01, None), "1 of 100 rows (1%) have no value in column 'text'"),
        (planted("label", 1, "positive"), "column 'label' has fewer than two labels"),
        (planted("label", 0.01, 1), "something other than text in column 'label'"),
        (planted("request_id", 0.02, "e5"), "share their value of column 'request_id'"),
        (lambda rows: rows.drop(columns="label"), "column 'label' is missing"),
        (lambda rows: rows.iloc[:0], "the evaluation set has no rows"),
    ],
)
def test_a_fault_of_the_evaluation_set_is_critical(
    plant: Callable[[pd.DataFrame], pd.DataFrame], sentence: str, tmp_path: Path
) -> None:
    """A curated set has no excuse for a single null, a repeated id or a single class."""
    told = [result.because for result in failures(validate_evaluation(plant(evaluation_set()), COLUMNS, tmp_path))]
    assert any(sentence in because for because in told), told


def images(count: int, side: int = 8) -> pd.Series[Any]:
    """Return images that differ in one pixel, as Parquet reads them."""
    made = [np.full((side, side), row % 200) for row in range(count)]
    for row, image in enumerate(made):
        image[0, 0] = 200 + row // 200
    return pd.Series([objects(list(image)) for image in made], dtype=object)


def test_images_of_another_size_than_the_evaluation_sets_are_found(tmp_path: Path) -> None:
    """And those of its size pass, whatever they show."""
    curated = evaluation_set().assign(text=images(100))
    assert failures(production(log().assign(text=images(ROWS)), tmp_path, curated)) == []
    mixed = pd.concat([images(20, side=9), images(ROWS)[20:]], ignore_index=True)
    (failure,) = failures(production(log().assign(text=mixed), tmp_path, curated))
    assert "20 of 400 rows (5%) hold something other than images of 8 x 8 in column 'text'" in failure.because
    assert "for example image of 9 x 9, 0 to 200 (lists)" in failure.because


@pytest.mark.parametrize(
    ("value", "others"),
    [
        ("the same", [f"n{row}" for row in range(90)]),
        ([1.0, 2.0], [[row] for row in range(90)]),
        (np.full((8, 8), 7).tolist(), images(90).tolist()),
    ],
    ids=["text", "lists", "images"],
)
def test_repeated_inputs_of_the_evaluation_set_warn(tmp_path: Path, value: Any, others: list[Any]) -> None:
    """Exact duplicates of an input beyond a small share warn, lists and images included, and fail nothing."""
    rows = evaluation_set()
    rows["text"] = pd.Series([value] * 10 + others, dtype=object)
    evidence = validate_evaluation(rows, COLUMNS, tmp_path)
    assert failures(evidence) == []
    (warning,) = failures(evidence, "warning")
    assert "10 of 100 rows (10%) repeat the input of another row" in warning.because
    assert warning.failing_ids[0] == "e0"


def test_whatever_a_missing_column_leaves_out_fails_critically_itself() -> None:
    """Every column that an expectation looks at must exist, critically, so none is left out unseen."""
    from expectations.suites import evaluation_set as strict
    from expectations.suites import prediction_log
    from expectations.suites.distribution_shift import keeps_distributions

    kinds = {"text": "text", "label": "text"}
    suites = (
        strict.build(COLUMNS, kinds=kinds),
        prediction_log.build(
            COLUMNS,
            as_of=AS_OF,
            window_days=30,
            stale_after_hours=48,
            kinds=kinds,
            labels=["negative", "positive"],
            limits=QUALITY,
            shifts=keeps_distributions(
                [refer("text", log()["text"])], COLUMNS, None, max_distance=0.2, confidence=0.95
            ),
        ),
    )
    for suite in suites:
        asked: dict[bool, set[str]] = {True: set(), False: set()}
        for expectation in suite.expectations:
            exists = expectation.expectation_type == "expect_column_to_exist"
            if not exists or expectation.severity.value == "critical":
                asked[exists].update(expectation.meta["needs"])
            assert all(expectation.meta[word] for word in ("claim", "fault", "remedy"))
        assert asked[False] <= asked[True]


def test_it_is_quiet_and_stays_off_the_network(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a byte on the terminal, not a connection, and no file but the page."""
    asked: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: asked.append(address))
    evidence = production(_renamed(log()), tmp_path)
    assert capfd.readouterr() == ("", "")
    assert asked == []
    assert [file.name for file in tmp_path.iterdir()] == [evidence.page]


def test_great_expectations_is_imported_only_when_used() -> None:
    """Importing the module stays quick: neither it nor pandas is loaded before there is something to validate."""
    code = "import sys, expectations.validate; sys.exit(not {'great_expectations', 'pandas'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("users", "cluster", "told"),
    [
        ([f"u{row % 40}" for row in range(ROWS)], "user", ()),
        (None, "text", ()),
        (None, "user", ("column 'user' has no value in any row", "at most 20% may")),
        ([f"u{row}" if row % 2 else None for row in range(ROWS)], "user", ("50%) have no value in column 'user'",)),
    ],
    ids=["known", "an input", "unknown", "unknown of half"],
)
def test_a_log_is_held_to_know_its_clusters(
    users: list[str | None] | None, cluster: str, told: tuple[str, ...], tmp_path: Path
) -> None:
    """Named and seldom logged, it would leave requests that are alike to count as independent ones."""
    evidence = validate_production(
        log().assign(user=users),
        COLUMNS.model_copy(update={"cluster": cluster}),
        as_of=AS_OF,
        window_days=30,
        stale_after_hours=48,
        evaluation=evaluation_set(),
        quality=QUALITY,
        drift=DRIFT,
        out=tmp_path,
    )
    found = [result.because for result in failures(evidence)]
    assert len(found) == len(told)
    assert all(each in " ".join(found) for each in told)
