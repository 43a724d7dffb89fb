"""What kind of values a column holds: text, numbers, booleans, ..., told alike for every pandas dtype."""

from __future__ import annotations

import datetime as dt
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def as_floats(values: pd.Series) -> np.ndarray:
    """Return values as floats, shape (rows,); what is no number becomes NaN."""
    import pandas as pd

    found: np.ndarray = np.asarray(pd.to_numeric(values.astype(object), errors="coerce"), dtype=np.float64)
    return found


# bool is an int to Python, and a timestamp a date: the narrower kind comes first
KINDS: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "booleans": (bool, np.bool_),
    "numbers": (numbers.Number, np.number),
    "times": (dt.date, np.datetime64),
    "bytes": (bytes, bytearray),
    "lists": (list, tuple, np.ndarray),
    "mappings": (dict,),
}


def kind_of(value: Any) -> str:
    """Return the kind of one value that is not null, the name of its type where it is none of KINDS."""
    return next((kind for kind, types in KINDS.items() if isinstance(value, types)), type(value).__name__)


def kinds_of(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the kind of each value of `column`, null where it is null; integers and floats are both numbers."""
    return column.astype(object).map(kind_of).where(column.notna(), None)


def common_kind(column: pd.Series[Any]) -> str | None:
    """Return the kind that most values of `column` have, None where all are null."""
    counts = kinds_of(column).value_counts()
    return None if counts.empty else str(counts.index[0])
