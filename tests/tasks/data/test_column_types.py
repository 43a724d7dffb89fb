"""Kinds of values are told alike whatever pandas type holds them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from tasks.data.column_types import common_kind, kind_of, kinds_of


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        (["a", None], "str", "text"),
        (["a", None], "object", "text"),
        (["a", None], "category", "text"),
        ([1, 0], "int64", "numbers"),
        ([1, None], "float64", "numbers"),
        ([1, None], "Int64", "numbers"),
        ([True, False], "bool", "booleans"),
        ([True, None], "boolean", "booleans"),
        (["2026-01-01", None], "datetime64[us]", "times"),
    ],
)
def test_a_column_has_one_kind_in_every_dtype(values: list[object], dtype: str, kind: str) -> None:
    """The same values give the same kind however pandas stores them, and a null gives none."""
    column = pd.Series(values).astype(dtype)
    assert common_kind(column) == kind
    assert kinds_of(column).notna().tolist() == [value is not None for value in values]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "booleans"),
        (np.bool_(1), "booleans"),
        (np.int64(1), "numbers"),
        (np.float32(1), "numbers"),
        (dt.date(2026, 1, 1), "times"),
        ([1], "lists"),
        (np.zeros(2), "lists"),
        ({}, "mappings"),
        (b"", "bytes"),
        (..., "ellipsis"),
    ],
)
def test_a_value_has_the_narrowest_kind(value: object, kind: str) -> None:
    """A boolean is no number, and what has no kind is called by its type."""
    assert kind_of(value) == kind


def test_the_commonest_kind_wins_and_nulls_have_none() -> None:
    """A stray value does not decide what a column holds, and a column of nulls holds nothing."""
    assert common_kind(pd.Series(["a", "b", 1], dtype=object)) == "text"
    assert common_kind(pd.Series([None, None], dtype=object)) is None
