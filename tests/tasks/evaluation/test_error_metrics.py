"""Errors of numbers and sequences, and the rise of one model's over another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from support.scored_rows import COLUMNS, NUMBERS, answers, by_user, labelled_rows

from tasks.evaluation.error_metrics import error_rise, mean_error, row_errors
from tasks.evaluation.scores import score
from tasks.statistics import resampled_interval

if TYPE_CHECKING:
    from pathlib import Path


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


def test_days_are_drawn_whole_where_there_are_enough(tmp_path: Path) -> None:
    """Errors that a day shares widen the interval by far; over a few days each request stands for itself."""
    labels = [0.0] * 600
    said = [float(10 * (number % 20 < 2) + number % 3) for number in range(600)]  # two bad days of twenty
    many = score("production", labelled_rows(labels, days=20), COLUMNS, answers(said), tmp_path, scoring=NUMBERS).error
    few = score("production", labelled_rows(labels, days=3), COLUMNS, answers(said), tmp_path, scoring=NUMBERS).error
    assert many is not None
    assert few is not None
    assert (many.by, many.clusters, few.by, few.clusters) == ("days", 20, "labelled rows", 600)
    wide, narrow = (resampled_interval(each, 0.95) for each in (many, few))
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_equal_answers_still_leave_room_for_a_rise() -> None:
    """Rows that show no difference bound it by what as many rows can hide, at the size of the errors seen."""
    table = pd.DataFrame({"error": [1.0, 3.0] * 50, "units": 1.0, "weight": 1.0})
    found = error_rise(table, table, "regression")
    assert found is not None
    bound = resampled_interval(found, 0.95)
    assert bound is not None
    assert (bound.estimate, bound.high) == (0, pytest.approx(3 * (1 - 0.05 ** (1 / 100))))
    assert mean_error(table.assign(error=np.nan), "regression") is None


def test_a_few_users_bound_no_mean_error(tmp_path: Path) -> None:
    """However many days there are: nine users say nothing of the tenth."""
    columns = COLUMNS.model_copy(update={"cluster": "user"})
    found = score("production", by_user(9, 60), columns, answers([1.0] * 540), tmp_path, scoring=NUMBERS).error
    assert found is not None
    assert (found.by, found.clusters, resampled_interval(found, 0.95)) == ("clusters", 9, None)
