"""Which rows and columns are changed, and how a column takes the change."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from support.perturbed_values import NAMED, PROSE, TEXT

from tasks.evaluation.robustness.columns import Column
from tasks.evaluation.robustness.plan import PerturbedRows, perturb, plan_trials


def test_rows_that_a_change_does_not_move_are_not_tried() -> None:
    """A missing value stays missing, and a text without a long word has no typo."""
    inputs = pd.DataFrame({"text": [TEXT, "so it is", None]})
    places, rows = perturb(PerturbedRows(NAMED["typo in a word"], (PROSE,), 3), inputs, seed=0)
    assert (places.tolist(), len(rows)) == ([0], 1)


def test_a_column_keeps_its_type_where_that_can_hold_the_change() -> None:
    """A missing number is NaN in a column of floats; half of a surrogate pair is in no column of Arrow's."""
    inputs = pd.DataFrame({"text": [TEXT], "n": [3]})
    empty = perturb(PerturbedRows(NAMED["empty"], (PROSE,), 1), inputs, 0)[1]
    assert empty["text"].dtype == inputs["text"].dtype
    missing = perturb(PerturbedRows(NAMED["missing"], (Column("n", "integers"),), 1), inputs.astype({"n": float}), 0)[1]
    assert (str(missing["n"].dtype), bool(missing["n"].isna().all())) == ("float64", True)
    half = perturb(PerturbedRows(NAMED["lone surrogate"], (PROSE,), 1), inputs, 0)[1]
    assert (str(half["text"].dtype), len(half["text"][0])) == ("object", len(TEXT) + 1)


def test_enough_rows_are_planned_where_few_kinds_fit() -> None:
    """A candidate of categories alone can still show a rate of crashes; long ones stay few."""
    trials = plan_trials([Column("a", "code")], pd.DataFrame({"a": ["web", "app"] * 100}), 0)
    assert sum(trial.count for trial in trials if trial.traffic) >= 400
    assert {trial.count for trial in trials if trial.kind.long} == {4}


@pytest.mark.parametrize(
    ("holds", "values"),
    [
        ("floats", [0.5, None]),  # half of them stay, as there is nothing to change
        ("integers", [1, 2]),
        ("code", ["web", None]),
        ("booleans", [True, None]),
        ("prose", ["so it is", "a", None]),
    ],
)
def test_rows_that_stay_as_they_are_are_made_up_for(holds: str, values: list[Any]) -> None:
    """Of 200 rows, 299 odd inputs without a crash are wanted to show a rate under 1%, unless every row is tried in every way."""
    rows = pd.DataFrame({"a": (values * 200)[:200]})
    trials = plan_trials([Column("a", holds, gaps=None in values)], rows, 0)
    moved = sum(len(perturb(trial, rows, 0)[0]) for trial in trials if trial.traffic)
    assert moved >= 299 or all(trial.count == 200 for trial in trials if not trial.kind.long)


def test_each_column_is_changed_alone_but_for_harmless_changes() -> None:
    """So that one column of many can't hide its crash."""
    rows = pd.DataFrame({"a": [0.5] * 50, "b": [1.5] * 50})
    trials = plan_trials([Column("a", "floats"), Column("b", "floats")], rows, 0)
    assert [trial.name for trial in trials if trial.kind.name == "missing"] == ["missing, a", "missing, b"]
    assert [trial.column for trial in trials if trial.kind.preserving] == [None]
