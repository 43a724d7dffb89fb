"""How far answers are from their labels, where that says more than right or wrong: numbers, and sequences of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.data.column_types import as_floats
from tasks.data.weighting import groups_of
from tasks.evidence import MeanError
from tasks.statistics import FEWEST_CLUSTERS, resample_ratio

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.core.records import Task
    from tasks.data.weighting import Groups

ERROR, UNITS = "error", "units"


def row_errors(task: Task, labels: pd.Series, answered: np.ndarray, predictions: pd.Series) -> dict[str, np.ndarray]:
    """Return `error` and `units` of each row, shape (rows,), NaN where nothing can be said; nothing of classes.

    Of a number it is the absolute error, over one unit; of a sequence the tokens to insert, delete or replace, over the
    tokens of its label, which are all missing where there is no answer (Levenshtein, Soviet Physics Doklady 10, 1966).
    """
    if task == "classification":
        return {}
    if task == "regression":
        error = np.where(answered, np.abs(as_floats(predictions) - as_floats(labels)), np.nan)
        error[~np.isfinite(error)] = np.nan
        return {ERROR: error, UNITS: np.where(np.isnan(error), np.nan, 1.0)}
    from rapidfuzz.distance import Levenshtein

    error, units = np.full(len(labels), np.nan), np.full(len(labels), np.nan)
    known = labels.notna().to_numpy()
    for row, (label, said) in enumerate(zip(labels.astype(object), predictions.astype(object), strict=True)):
        if known[row]:
            wanted = tokens(label)
            error[row] = Levenshtein.distance(wanted, tokens(said) if answered[row] else [])
            units[row] = max(len(wanted), 1)
    return {ERROR: error, UNITS: units}


def tokens(text: object) -> list[str]:
    """Return the tokens of a sequence: its words, between blanks."""
    return str(text).split()


def mean_error(table: pd.DataFrame, task: Task) -> MeanError | None:
    """Return the mean error of scored rows: error, units, weight and, in a log, day and cluster; None where no row has one."""
    return _mean(table, table[ERROR].to_numpy(), task) if ERROR in table else None


def error_rise(base: pd.DataFrame, own: pd.DataFrame, task: Task) -> MeanError | None:
    """Return how much larger the mean error of `own` is than that of `base`, row by row; None where no row has both."""
    if ERROR not in own or ERROR not in base:
        return None
    one, other = base[ERROR].to_numpy(), own[ERROR].to_numpy()
    return _mean(own, other - one, task, largest=np.fmax(one, other) / own[UNITS].to_numpy())


def _mean(table: pd.DataFrame, errors: np.ndarray, task: Task, largest: np.ndarray | None = None) -> MeanError | None:
    known = np.isfinite(errors)
    if not known.any():
        return None
    found = resample_ratio(
        errors[known],
        table[UNITS].to_numpy()[known],
        table["weight"].to_numpy()[known],
        _drawn_together(groups_of(table).of(known)),
        None if largest is None else float(np.nanmax(largest[known])),
    )
    unit: Literal["units", "share of tokens"] = "units" if task == "regression" else "share of tokens"
    return MeanError.model_validate({"rows": int(known.sum()), "unit": unit, **found._asdict()})


def _drawn_together(groups: Groups) -> dict[str, NDArray[np.intp]]:
    """Return the kinds of cluster that tell how they differ; of too few clusters themselves, these alone."""
    found = {}
    if groups.days is not None and np.unique(groups.days).size >= FEWEST_CLUSTERS:
        found["days"] = groups.days
    if groups.clusters is not None:
        few = np.unique(groups.clusters).size < FEWEST_CLUSTERS
        found = {"clusters": groups.clusters} if few else found | {"clusters": groups.clusters}
    if groups.copies is not None and np.unique(groups.copies).size >= FEWEST_CLUSTERS:
        found["inputs"] = groups.copies
    return found
