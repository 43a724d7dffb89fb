"""Errors of numbers and sequences, the rise of one model's over another's, and the shapes of generated answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tasks.core.records import Columns, Marking
from tasks.core.run_folder import VariantFolder
from tasks.evaluation.error_metrics import error_rise, mean_error, row_errors
from tasks.evaluation.generated import answer_shapes, loop
from tasks.evaluation.scores import Scoring, label_cuts, pair, right, score
from tasks.evidence import AnswerShapes
from tasks.statistics import resampled_interval

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evaluation.predict import Predictions

COLUMNS = Columns(id="id", time="ts", label="label", input=("x",), status="status", slices=("kind",))
NUMBERS = Scoring("regression", Marking(tolerance=2, same=0.5), (10.0, 20.0))


def answers(predictions: list[Any], outcomes: list[str] | None = None) -> Predictions:
    """Return predictions as an evaluation makes them, each answered unless `outcomes` says otherwise."""
    from tasks.evaluation.predict import Predictions

    outcome = outcomes or ["answered" if value is not None else "abstained" for value in predictions]
    frame = pd.DataFrame({"prediction": pd.Series(predictions, dtype=object), "confidence": 0.5, "outcome": outcome})
    return Predictions(frame.assign(why=None), 1.0)


def rows(labels: list[Any], days: int = 1) -> pd.DataFrame:
    """Return requests with these labels, spread over so many days."""
    count = len(labels)
    times = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(count) % days, unit="D")
    ids = [f"r{number}" for number in range(count)]
    return pd.DataFrame({"id": ids, "ts": times, "x": 1.0, "label": pd.Series(labels, dtype=object), "kind": "a"})


def test_a_number_is_right_within_the_tolerance() -> None:
    """The edge counts, a request without an answer or label never does, and classes are right where they are equal."""
    labels = pd.Series([10.0, 10.0, 10.0, None, 10.0], dtype=object)
    frame = answers([12.0, 12.1, 8, 10.0, None]).frame
    assert right(labels, frame, NUMBERS.marking).tolist() == [True, False, True, False, False]
    assert right(labels, frame, Marking()).tolist() == [False] * 5


def test_errors_of_numbers_leave_out_what_has_none() -> None:
    """Without an answer or a label there is no distance; a number written as text is one."""
    found = row_errors("regression", pd.Series([1.0, "4", None, 2.0]), np.array([True, True, True, False]), pd.Series([3, 1, 1, 2]))  # fmt: skip
    np.testing.assert_array_equal(found["error"], [2, 3, np.nan, np.nan])
    np.testing.assert_array_equal(found["units"], [1, 1, np.nan, np.nan])
    assert row_errors("classification", pd.Series(["a"]), np.array([True]), pd.Series(["b"])) == {}


def test_errors_of_sequences_count_tokens_to_change() -> None:
    """An insertion, a deletion and a replacement count one each; without an answer every token is missing."""
    labels = pd.Series(["a b c", "a b c", "a b c", "a b", None, ""])
    said = pd.Series(["a b c", "a x c d", "c", None, "a", "a"])
    found = row_errors("generation", labels, np.array([True, True, True, False, True, True]), said)
    np.testing.assert_array_equal(found["error"], [0, 2, 2, 2, np.nan, 1])
    np.testing.assert_array_equal(found["units"], [3, 3, 3, 2, np.nan, 1])


def test_scores_hold_the_mean_error_and_slices_of_numeric_labels(tmp_path: Path) -> None:
    """The mean is over labelled answers, and labels are cut where the evaluation set's lie."""
    found = score("production", rows([5.0, 15.0, 25.0, None]), COLUMNS, answers([5.0, 18.0, 26.0, 1.0]), tmp_path,
                  scoring=NUMBERS)  # fmt: skip
    assert found.error is not None
    assert (found.error.estimate, found.error.rows, found.error.unit) == (pytest.approx(4 / 3), 3, "units")
    assert found.overall.correct == 2
    assert [(part.value, part.tally.labelled, part.tally.correct) for part in found.labels] == [
        ("up to 10", 1, 1), ("10 to 20", 1, 0), ("over 20", 1, 1),
    ]  # fmt: skip


def test_labels_are_cut_so_that_slices_are_of_one_size() -> None:
    """Of numbers that differ each fifth is a slice; of one number there is nothing to cut but that."""
    assert label_cuts("regression", pd.Series(range(1, 101))) == (20, 40, 60, 80)
    assert label_cuts("regression", pd.Series([7.0] * 10)) == (7,)
    assert label_cuts("regression", pd.Series([None, None])) == ()
    assert label_cuts("classification", pd.Series([1, 2])) == ()


def test_days_are_drawn_whole_where_there_are_enough(tmp_path: Path) -> None:
    """Errors that a day shares widen the interval by far; over a few days each request stands for itself."""
    labels = [0.0] * 600
    said = [float(10 * (number % 20 < 2) + number % 3) for number in range(600)]  # two bad days of twenty
    many = score("production", rows(labels, days=20), COLUMNS, answers(said), tmp_path, scoring=NUMBERS).error
    few = score("production", rows(labels, days=3), COLUMNS, answers(said), tmp_path, scoring=NUMBERS).error
    assert many is not None
    assert few is not None
    assert (many.by, many.clusters, few.by, few.clusters) == ("days", 20, "labelled rows", 600)
    wide, narrow = (resampled_interval(each, 0.95) for each in (many, few))
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_a_pair_holds_how_much_the_error_rises(tmp_path: Path) -> None:
    """Row by row on the rows that both answered; answers within `same` are no flip."""
    requests = rows([float(number) for number in range(40)])
    for name, offset in (("base", 0.0), ("own", 0.4)):
        said = [float(number) + 1 + offset for number in range(40)]
        score("production", requests, COLUMNS, answers(said), tmp_path / name, scoring=NUMBERS)
    found = pair(
        "fp32",
        VariantFolder(tmp_path / "base").answers("production"),
        VariantFolder(tmp_path / "own").answers("production"),
        NUMBERS,
    )
    assert found.overall.flips == 0
    assert found.error_rise is not None
    assert found.error_rise.estimate == pytest.approx(0.4)
    strict = Scoring("regression", Marking(tolerance=2, same=0.3))
    assert (
        pair(
            "fp32",
            VariantFolder(tmp_path / "base").answers("production"),
            VariantFolder(tmp_path / "own").answers("production"),
            strict,
        ).overall.flips
        == 40
    )


def test_equal_answers_still_leave_room_for_a_rise() -> None:
    """Rows that show no difference bound it by what as many rows can hide, at the size of the errors seen."""
    table = pd.DataFrame({"error": [1.0, 3.0] * 50, "units": 1.0, "weight": 1.0})
    found = error_rise(table, table, "regression")
    assert found is not None
    bound = resampled_interval(found, 0.95)
    assert bound is not None
    assert (bound.estimate, bound.high) == (0, pytest.approx(3 * (1 - 0.05 ** (1 / 100))))
    assert mean_error(table.assign(error=np.nan), "regression") is None


def test_a_loop_is_what_an_answer_ends_in() -> None:
    """Four turns of one to four tokens at the end; fewer turns or a loop in the middle is language."""
    assert loop(["a", "b", "b", "b", "b"]) == ("b",)
    assert loop(["x", "a", "b", "a", "b", "a", "b", "a", "b"]) == ("a", "b")
    assert loop(["a", "b", "b", "b"]) is None
    assert loop(["b", "b", "b", "b", "a"]) is None
    assert loop([]) is None


def test_shapes_are_of_answers_against_their_labels_and_the_evaluation_set(tmp_path: Path) -> None:
    """Loops that the label has too are none; lengths are compared with those of the answers on the evaluation set."""
    words = Scoring("generation")
    score("evaluation", rows(["a b"] * 4), COLUMNS, answers(["a b"] * 4), tmp_path, scoring=words)
    labels = ["a b", "a b c d e", "a", "ha ha ha ha", None, "a b"]
    said = ["a b b b b", "a b c", "a", "ha ha ha ha", "z z z z", None]
    score("production", rows(labels), COLUMNS, answers(said), tmp_path, scoring=words)
    found = answer_shapes(VariantFolder(tmp_path).answers("evaluation"), VariantFolder(tmp_path).answers("production"))
    assert isinstance(found, AnswerShapes)
    assert (found.answered, found.labelled) == (5, 4)
    assert (found.repeated.events, found.shortened.events, found.lengthened.events) == (2, 1, 1)
    assert found.lengths.distance == pytest.approx(0.8)


def by_user(users: int, requests: int) -> pd.DataFrame:
    """Return requests of so many users over 20 days, as many each."""
    table = rows([0.0] * users * requests, days=20)
    return table.assign(user=[f"u{number % users}" for number in range(len(table))])


def test_users_are_drawn_whole_and_widen_every_interval(tmp_path: Path) -> None:
    """A user whose answers are all wrong is one finding and no sixty: of shares, mean errors and paired losses alike."""
    columns, said = COLUMNS.model_copy(update={"cluster": "user"}), [9.0 * (number % 13 == 0) for number in range(780)]
    requests, files = by_user(13, 60), {}
    for name, asked, answer in (("own", columns, said), ("base", columns, [0.0] * 780), ("apart", COLUMNS, said)):
        files[name] = score("production", requests, asked, answers(answer), tmp_path / name, scoring=NUMBERS)
    assert files["own"].error is not None
    assert (files["own"].error.by, files["own"].error.clusters) == ("clusters", 13)
    assert files["own"].overall.right.value == pytest.approx(12 / 13)
    assert files["own"].overall.right.trials < 13
    assert files["apart"].overall.right.trials > 500
    base, own = (VariantFolder(tmp_path / name).answers("production") for name in ("base", "own"))
    found = pair("fp32", base, own, NUMBERS).overall.baseline_only
    assert (found.value, found.trials < 13) == (pytest.approx(1 / 13), True)


def test_a_few_users_bound_no_mean_error(tmp_path: Path) -> None:
    """However many days there are: nine users say nothing of the tenth."""
    columns = COLUMNS.model_copy(update={"cluster": "user"})
    found = score("production", by_user(9, 60), columns, answers([1.0] * 540), tmp_path, scoring=NUMBERS).error
    assert found is not None
    assert (found.by, found.clusters, resampled_interval(found, 0.95)) == ("clusters", 9, None)
