"""What the rows of a sample are worth: their weights, the clusters that they come in, and the design effect of both.

Requests of one day may be alike: a storm delays all flights, a bad deployment fails all calls. So may those of what the
candidate names as its cluster: a user, a document, a word. So are copies, requests of equal input, which get equal answers.
Where days, clusters or inputs differ by more than chance would have them, the rows say as much as fewer ones of a uniform
sample: their number over the design effect (Kish, Survey Sampling, 1965, 5.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.statistics import APART, Alike, crossed_codes, design_effect, intraclass_correlation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from tasks.core.records import Columns


DAY, CLUSTER, COPY = "day", "cluster", "copy"  # the columns of scored rows that say which may be alike


class Groups(NamedTuple):
    """The number of each row's day, cluster and input, shape (rows,).

    None where rows have no times, where no cluster is named, and where no input stands twice.
    """

    days: NDArray[np.intp] | None = None
    clusters: NDArray[np.intp] | None = None
    copies: NDArray[np.intp] | None = None

    def of(self, rows: np.ndarray) -> Groups:
        """Return those of some rows, a mask of shape (rows,)."""
        return Groups(*(None if codes is None else codes[rows] for codes in self))


INDEPENDENT = Groups()  # rows of which nothing says that they may be alike


def group_columns(rows: pd.DataFrame, columns: Columns) -> dict[str, np.ndarray]:
    """Return the columns, each of shape (rows,), that say which of a log's rows may be alike, as far as it has them.

    Days are in UTC; a row whose time can't be read is of the day "none". A row whose input stands once, or lacks a
    value, has no copy's name.
    """
    import pandas as pd

    found: dict[str, np.ndarray] = {}
    if columns.time in rows:
        times = pd.to_datetime(rows[columns.time], utc=True, errors="coerce")
        found[DAY] = times.dt.strftime("%Y-%m-%d").fillna("none").to_numpy(dtype=object)
    if columns.cluster in rows:
        found[CLUSTER] = rows[columns.cluster].to_numpy(dtype=object)
    given = [name for name in columns.input if name in rows]
    if given and len(rows):
        inputs = rows[given].map(_comparable, na_action="ignore").groupby(given, dropna=False)
        # what a log lost is not the same input
        copied = (inputs[given[0]].transform("size").to_numpy() > 1) & rows[given].notna().all(axis=1).to_numpy()
        if copied.any():
            names = inputs.ngroup().astype(str).astype(object)
            found[COPY] = names.where(copied, None).to_numpy()
    return found


def _comparable(value: Any) -> Any:
    """Return what tells an input from others: lists and images by their content."""
    if isinstance(value, (str, int, float, np.generic)):
        return value
    import orjson

    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def groups_of(table: pd.DataFrame) -> Groups:
    """Return which rows may be alike."""
    return Groups(*(cluster_codes(table[name]) if name in table else None for name in (DAY, CLUSTER, COPY)))


def design(values: np.ndarray, weights: np.ndarray, trials: np.ndarray, groups: Groups, alike: Alike = APART) -> float:
    """Return how many times the variance of the mean of `values` over `trials` is that of as many independent rows.

    Arrays have shape (rows,), `trials` is a mask. It is 1 where neither days, clusters nor inputs tell that they differ, and
    rows are not known to be `alike`.
    """
    weight, value = weights[trials].astype(np.float64), values[trials].astype(np.float64)
    if not weight.size:
        return 1.0
    return design_effect(_residuals(value, weight), weight, *groups.of(trials), alike)


def designs(values: np.ndarray, weights: np.ndarray, parts: Sequence[np.ndarray], groups: Groups) -> list[float]:
    """Return the design effect of each of several parts, masks of shape (rows,).

    A part has few days, clusters and copies to tell how they differ. So rows of each are taken to be as much alike as they are within
    all parts together, or as they look in their own part if that is more.
    """
    alike = _alike_within(values, weights, parts, groups)
    return [design(values, weights, part, groups, alike) for part in parts]


def _alike_within(values: np.ndarray, weights: np.ndarray, parts: Sequence[np.ndarray], groups: Groups) -> Alike:
    """Return how much alike rows of one day, cluster and input are within each part, over all parts."""
    places = [np.flatnonzero(part) for part in parts if part.any()]
    if not places:
        return APART
    rows, part = np.concatenate(places), np.repeat(np.arange(len(places)), [len(place) for place in places])
    weight = weights[rows].astype(np.float64)
    residuals = [_residuals(values[at].astype(np.float64), weights[at].astype(np.float64)) for at in places]
    found = [
        0.0
        if codes is None
        else intraclass_correlation(np.concatenate(residuals), weight, crossed_codes(part, codes[rows]))
        for codes in groups
    ]
    return Alike(*found)


def _residuals(value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.asarray(weight * (value - np.average(value, weights=weight)))


def cluster_codes(names: pd.Series) -> NDArray[np.intp]:
    """Return the number of each row's cluster, shape (rows,), from its name; a row without one is one of its own."""
    codes = names.map(str, na_action="ignore").factorize()[0]
    unknown = codes < 0
    codes[unknown] = codes.max(initial=-1) + 1 + np.arange(unknown.sum())
    return codes
