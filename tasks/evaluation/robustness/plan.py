"""Which production rows are perturbed, in which columns, and what becomes of them."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evaluation.robustness.arrays import objects
from tasks.evaluation.robustness.columns import Column, Draw
from tasks.evaluation.robustness.perturbations import KINDS, TEXT, Kind

if TYPE_CHECKING:
    import pandas as pd

HOSTILE_ROWS = 12  # of a kind that leaves no meaning, over all columns: such an input is answered always or never
FEWEST_ROWS = 4  # of a kind in one column
LONG_ROWS = 4
TRAFFIC_SHARE = 2  # of the rows: as many are changed into what traffic can hold, or more, by all kinds together


@dataclass(frozen=True)
class PerturbedRows:
    """One kind of change, of `count` rows, in these columns."""

    kind: Kind
    columns: tuple[Column, ...]
    count: int

    @property
    def column(self) -> str | None:
        """The column, None where all that the kind fits are changed at once."""
        return None if self.kind.preserving else self.columns[0].name

    @property
    def traffic(self) -> bool:
        """Whether real traffic can hold it: a missing value can where production has missing ones already."""
        return self.kind.traffic and (not self.kind.gap or any(column.gaps for column in self.columns))

    @property
    def name(self) -> str:
        """The kind, and where it was made."""
        return perturbation_named(self.kind.name, self.column)

    def of_at_most(self, count: int) -> PerturbedRows:
        """Return the same of no more than so many rows."""
        return replace(self, count=min(count, self.count))

    def with_more_rows(self, most: int) -> PerturbedRows:
        """Return the same of twice as many rows, at most `most`; of a kind that takes long or leaves the meaning, as it is."""
        return self if self.kind.long or self.kind.preserving else replace(self, count=min(most, 2 * self.count))


def plan_trials(columns: list[Column], inputs: pd.DataFrame, seed: int) -> list[PerturbedRows]:
    """Return what to try: a preserving kind in all columns that it fits at once, any other in each of them.

    Where few kinds fit, or move few of the rows, the others get more rows, so that all together can show a rate of crashes.
    """
    trials, count = [], len(inputs)
    for kind in KINDS:
        fit = tuple(column for column in columns if column.holds in kind.of)
        if fit and kind.preserving:
            trials.append(PerturbedRows(kind, fit, count))
        else:
            rows = LONG_ROWS if kind.long else max(FEWEST_ROWS, HOSTILE_ROWS // max(1, len(fit)))
            trials += [PerturbedRows(kind, (column,), rows) for column in fit]
    trials = [trial.of_at_most(count) for trial in trials]
    while sum(len(perturb(trial, inputs, seed)[0]) for trial in trials if trial.traffic) < TRAFFIC_SHARE * count:
        more = [trial.with_more_rows(count) for trial in trials]
        if more == trials:
            break
        trials = more
    return trials


def perturbation_named(kind: str, column: str | None) -> str:
    """Return a kind with the column that it was made in."""
    return kind if column is None else f"{kind}, {column}"


def perturb(trial: PerturbedRows, inputs: pd.DataFrame, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the places of rows that the change moved [rows], and those rows changed."""
    draw = Draw(f"{seed} {trial.name}")
    places = np.array(sorted(draw.sample(range(len(inputs)), min(trial.count, len(inputs)))), dtype=int)
    rows = inputs.iloc[places].reset_index(drop=True)
    moved, columns = np.zeros(len(rows), dtype=bool), {}
    for column in trial.columns:
        before = rows[column.name].astype(object).tolist()
        after = [_changed(value, trial.kind, draw, column) for value in before]
        moved |= np.array([content(old) != content(new) for old, new in zip(before, after, strict=True)], dtype=bool)
        columns[column.name] = _series(after, rows[column.name])
    return places[moved], rows.assign(**columns)[moved].reset_index(drop=True)


def _changed(value: Any, kind: Kind, draw: Draw, column: Column) -> Any:
    """Return the value changed; one that is missing, or no text in a column of texts, stays."""
    missing = value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124  NaN alone differs from itself
    if missing or (column.holds in TEXT and not isinstance(value, str)):
        return value
    return kind.change(value, draw, column)


def _series(values: list[Any], like: pd.Series[Any]) -> pd.Series[Any]:
    """Return values as a column like the one they come from, where its type can hold them, else as a frame would.

    Half of a surrogate pair is in no text that Arrow holds, and a list is an object.
    """
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if kinds & {list, tuple, np.ndarray}:
        return pd.Series(objects(values))
    try:
        if kinds == {str}:
            return pd.Series(values, dtype=like.dtype)
        if not kinds and like.dtype.kind != "b":
            return pd.Series(values, dtype=np.float64 if like.dtype.kind in "iu" else like.dtype)
        plain = pd.Series(values)
        return plain.astype(like.dtype) if like.dtype.kind == plain.dtype.kind == "f" else plain
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError):
        return pd.Series(values, dtype=object)


def content(value: Any) -> bytes:
    """Return what tells two values apart: their types, and their content to the bit."""
    return pickle.dumps(value)
