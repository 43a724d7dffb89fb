"""What a column is taken to hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.evaluation.robustness.columns import Column, describe_column


def column_of(*values: Any) -> Column | None:
    """Return what a column of these values, many times over, is taken to hold."""
    return describe_column(pd.Series(list(values) * 30, name="x"))


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ([f"the {n} red dogs" for n in range(30)], "prose"),
        ([f"\u4eca\u5929\u5929\u6c14{n}" for n in range(30)], "prose"),
        (["credit card", "bank transfer"], "code"),
        ([f"sku-{n}" for n in range(30)], "code"),
        ([f'{{"a": "b c", "n": {n}}}' for n in range(30)], "code"),
        ([1, 2, 3], "integers"),
        ([1.0, None, 3.0], "integers"),
        ([0.5, None], "floats"),
        ([True, False], "booleans"),
        ([np.array([0.1, 0.2])], "arrays"),
        ([[1, 2], [3]], "lists"),
        ([["a"], ["b", "c"]], "lists"),
        ([np.full((8, 8), 200).tolist()], "images"),
        ([[[0.5, 0.2], [0.1, 0.4]]], "arrays"),
    ],
)
def test_a_column_is_known_by_what_it_holds(values: list[Any], holds: str) -> None:
    """Categories and identifiers are no prose, and integers with gaps are still integers."""
    found = describe_column(pd.Series(values * 2 if holds in ("prose", "code") and len(values) == 30 else values * 30))
    assert found is not None
    assert found.holds == holds


def test_a_column_without_values_is_none() -> None:
    """There is nothing to change."""
    assert column_of(None) is None
    assert column_of(float("inf")) is None
