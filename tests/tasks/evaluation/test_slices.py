"""Slices of scored rows: by a column, by two, and the one that a search finds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.evaluation.slices import FEWEST_CROSSED, crossed, declared, weakest

ROWS = 4_000


@pytest.fixture
def table() -> pd.DataFrame:
    """Return scored rows that are right nine times in ten, whatever their source, length and language."""
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(ROWS)],
            "label": "good",
            "right": random.random(ROWS) < 0.9,
            "weight": 1.0,
            "slice_source": random.choice(["shop", "app", None], ROWS),
            "trait_length": random.choice(["short", "long"], ROWS),
            "trait_language": random.choice(["en", "de"], ROWS, p=[0.75, 0.25]),
        }
    )


def fail(table: pd.DataFrame, where: pd.Series[bool], rate: float) -> pd.DataFrame:
    """Return the table with answers wrong at the rate where the mask holds."""
    random = np.random.default_rng(6)
    return table.assign(right=table["right"].where(~where, random.random(len(table)) > rate))


def test_missing_values_are_a_slice(table: pd.DataFrame) -> None:
    """Rows without a value are somebody's too, and the slices of a column divide all rows."""
    parts = declared(table)
    assert [part.value for part in parts] == ["(missing)", "app", "shop"]
    assert sum(part.mask.sum() for part in parts) == ROWS


def test_two_columns_are_crossed_where_rows_allow(table: pd.DataFrame) -> None:
    """Each pair of values of two columns, in no order, with enough labels; none of a column with itself."""
    names = {(part.column, part.value) for part in crossed(table)}
    assert ("source and language", "app, de") in names
    assert ("length and language", "long, de") in names
    assert len(names) == 3 * 2 + 3 * 2 + 2 * 2
    few = table.assign(label=table["label"].where(table.index < 2 * FEWEST_CROSSED, None))
    assert all("de" not in part.value for part in crossed(few))


def test_a_value_that_another_holds_whole_is_not_crossed(table: pd.DataFrame) -> None:
    """Where all German texts come from one source, the cross is the slice of German texts again."""
    alike = table.assign(trait_language=np.where(table["slice_source"] == "app", "de", "en"))
    assert not [part for part in crossed(alike) if part.column == "source and language"]


def test_the_search_finds_what_two_columns_hide(table: pd.DataFrame) -> None:
    """Errors where two values meet are found by their rule, and counted on rows that the search did not see."""
    hidden = (table["slice_source"] == "shop") & (table["trait_language"] == "de")
    found = weakest(fail(table, hidden, 0.8))
    assert found is not None
    assert {"source=shop", "language=de"} <= set(found.rule.split(" and ")) or "language is not en" in found.rule
    assert (~hidden[found.unseen]).mean() < 0.1
    assert found.unseen.sum() == pytest.approx(hidden.sum() / 2, rel=0.25)


def test_what_the_search_finds_by_chance_is_no_worse_on_unseen_rows(table: pd.DataFrame) -> None:
    """Without a weak slice the worst leaf is chance, and the other half shows it."""
    found = weakest(table)
    assert found is not None
    right = table["right"].to_numpy()
    assert right[found.unseen].mean() == pytest.approx(0.9, abs=4 * (0.09 / found.unseen.sum()) ** 0.5)


@pytest.mark.parametrize("change", ["no label", "all right", "no column"])
def test_nothing_is_found_where_nothing_can_be(table: pd.DataFrame, change: str) -> None:
    """Few labels, no error or no column leave nothing to search."""
    if change == "no label":
        table = table.assign(label=table["label"].where(table.index < 300, None))
    elif change == "all right":
        table = table.assign(right=True)
    else:
        table = table.drop(columns=["slice_source", "trait_length", "trait_language"])
    assert weakest(table) is None
