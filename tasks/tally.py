"""Counts of requests, and the shares of the log that they show: by weight, and for no more than the rows truly say.

Requests of one day may be alike: a storm delays all flights, a bad deployment fails all calls. So may those of what the
candidate names as its cluster: a user, a document, a word. Where days or clusters differ by more than chance would have
them, the rows say as much as fewer ones of a uniform sample: their number over the design effect (Kish, Survey Sampling,
1965, 5.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.evidence import Share, Tally
from tasks.statistics import design_effect

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.records import Columns

ANSWERED = "answered"
ABSTAINED = "abstained"
BROKEN = ("exception", "non_finite", "malformed")
DAY, CLUSTER = "day", "cluster"  # the columns of scored rows that say which may be alike


class Groups(NamedTuple):
    """The number of each row's day and cluster, shape (rows,); None where rows have no times, or no cluster is named."""

    days: NDArray[np.intp] | None = None
    clusters: NDArray[np.intp] | None = None

    def of(self, rows: np.ndarray) -> Groups:
        """Return those of some rows, a mask of shape (rows,)."""
        return Groups(*(None if codes is None else codes[rows] for codes in self))


INDEPENDENT = Groups()  # rows of which nothing says that they may be alike


def tally(table: pd.DataFrame) -> Tally:
    """Return the counts and weighted shares of scored rows: outcome, label, right, weight and, where known, day and cluster."""
    labelled, is_right = table["label"].notna().to_numpy(), table["right"].to_numpy()
    outcome, weights, groups = table["outcome"].to_numpy(), table["weight"].to_numpy(), groups_of(table)
    abstained, failed = outcome == ABSTAINED, np.isin(outcome, BROKEN)
    everywhere = np.ones(len(table), dtype=bool)

    def shown(events: np.ndarray, trials: np.ndarray) -> Share:
        return share(events, weights, trials, design(events, weights, trials, groups))

    return Tally(
        rows=len(table),
        labelled=int(labelled.sum()),
        correct=int(is_right.sum()),
        abstained=int(abstained.sum()),
        errors=int(failed.sum()),
        right=shown(is_right, labelled),
        answered=shown(outcome == ANSWERED, everywhere),
        failed=shown(failed, everywhere),
    )


def share(events: np.ndarray, weights: np.ndarray, trials: np.ndarray, design_effect: float = 1.0) -> Share:
    """Return the share of the rows `trials` that are `events`, by weight; arrays have shape (rows,), two are masks.

    However large the design effect, a trial is left.
    """
    weights, events = weights[trials], events[trials]
    if np.unique(weights).size <= 1:
        counted, effective = float(events.sum()), float(len(weights))
    else:
        effective = float(weights.sum() ** 2 / np.square(weights).sum())
        counted = effective * (1.0 if events.all() else float(weights[events].sum() / weights.sum()))
    design_effect = min(design_effect, effective) if effective else 1.0
    return Share(events=counted / design_effect, trials=effective / design_effect)


def group_columns(rows: pd.DataFrame, columns: Columns) -> dict[str, np.ndarray]:
    """Return the columns, each of shape (rows,), that say which of a log's rows may be alike, as far as it has them.

    Days are in UTC; a row whose time can't be read is of the day "none".
    """
    import pandas as pd

    found: dict[str, np.ndarray] = {}
    if columns.time in rows:
        times = pd.to_datetime(rows[columns.time], utc=True, errors="coerce")
        found[DAY] = times.dt.strftime("%Y-%m-%d").fillna("none").to_numpy(dtype=object)
    if columns.cluster in rows:
        found[CLUSTER] = rows[columns.cluster].to_numpy(dtype=object)
    return found


def groups_of(table: pd.DataFrame) -> Groups:
    """Return which rows may be alike."""
    return Groups(*(cluster_codes(table[name]) if name in table else None for name in (DAY, CLUSTER)))


def design(values: np.ndarray, weights: np.ndarray, trials: np.ndarray, groups: Groups) -> float:
    """Return how many times the variance of the mean of `values` over `trials` is that of as many independent rows.

    Arrays have shape (rows,), `trials` is a mask. It is 1 where neither days nor clusters tell that they differ.
    """
    weight, value = weights[trials].astype(np.float64), values[trials].astype(np.float64)
    if not weight.size:
        return 1.0
    return design_effect(weight * (value - np.average(value, weights=weight)), weight, *groups.of(trials))


def cluster_codes(names: pd.Series) -> NDArray[np.intp]:
    """Return the number of each row's cluster, shape (rows,), from its name; a row without one is one of its own."""
    codes = names.map(str, na_action="ignore").factorize()[0]
    unknown = codes < 0
    codes[unknown] = codes.max(initial=-1) + 1 + np.arange(unknown.sum())
    return codes
