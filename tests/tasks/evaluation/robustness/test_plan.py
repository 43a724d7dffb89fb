"""Which rows and columns are changed, and how a column takes the change."""

from __future__ import annotations

import pandas as pd
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
    trials = plan_trials([Column("a", "code")], 200)
    assert sum(trial.count for trial in trials if trial.kind.traffic) >= 400
    assert {trial.count for trial in trials if trial.kind.long} == {4}


def test_each_column_is_changed_alone_but_for_harmless_changes() -> None:
    """So that one column of many can't hide its crash."""
    trials = plan_trials([Column("a", "floats"), Column("b", "floats")], 50)
    assert [trial.name for trial in trials if trial.kind.name == "missing"] == ["missing, a", "missing, b"]
    assert [trial.column for trial in trials if trial.kind.preserving] == [None]
