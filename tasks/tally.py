"""Counts of requests, and the shares of the log that they show: by weight, and for no more than the rows truly say.

Requests of one day may be alike: a storm delays all flights, a bad deployment fails all calls. Where the days differ by
more than chance would have them, the rows say as much as fewer ones of a uniform sample: their number over the design
effect (Kish, Survey Sampling, 1965, 5.4; Korn and Graubard, Survey Methodology 24 (1998) 193).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.evidence import Share, Tally

if TYPE_CHECKING:
    import pandas as pd

ANSWERED = "answered"
ABSTAINED = "abstained"
BROKEN = ("exception", "non_finite", "malformed")
DAY = "day"  # the column of scored rows that says when they came
FEWEST_DAYS = 10  # fewer can't tell how one day differs from another
CHANCE = 0.05  # of taking days for different that are not


def tally(table: pd.DataFrame) -> Tally:
    """Return the counts and weighted shares of scored rows: outcome, label, right, weight and, where known, day."""
    labelled, is_right = table["label"].notna().to_numpy(), table["right"].to_numpy()
    outcome, weights, days = table["outcome"].to_numpy(), table["weight"].to_numpy(), days_of(table)
    abstained, failed = outcome == ABSTAINED, np.isin(outcome, BROKEN)
    everywhere = np.ones(len(table), dtype=bool)

    def shown(events: np.ndarray, trials: np.ndarray) -> Share:
        return share(events, weights, trials, design(events, weights, trials, days))

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
    """Return the share of the rows `trials` that are `events`, by weight; arrays have shape (rows,), two are masks."""
    weights, events = weights[trials], events[trials]
    if np.unique(weights).size <= 1:
        counted, effective = float(events.sum()), float(len(weights))
    else:
        effective = float(weights.sum() ** 2 / np.square(weights).sum())
        counted = effective * (1.0 if events.all() else float(weights[events].sum() / weights.sum()))
    return Share(events=counted / design_effect, trials=effective / design_effect)


def days_of(table: pd.DataFrame) -> np.ndarray | None:
    """Return the number of each row's day, shape (rows,); None where the rows have no times."""
    return np.unique(table[DAY].to_numpy(dtype=str), return_inverse=True)[1] if DAY in table else None


def design(values: np.ndarray, weights: np.ndarray, trials: np.ndarray, days: np.ndarray | None) -> float:
    """Return how many times the variance of the mean of `values` over `trials` is that of as many independent rows.

    It is 1 where there are few days, or where they differ by no more than chance lets them, and never less.
    """
    if days is None:
        return 1.0
    _, codes = np.unique(days[trials], return_inverse=True)
    groups = int(codes.max(initial=-1)) + 1
    if groups < FEWEST_DAYS:
        return 1.0
    from scipy.special import chdtri

    weight, value = weights[trials], values[trials].astype(np.float64)
    spread = weight * (value - np.average(value, weights=weight))
    alone, together = np.square(spread).sum(), np.square(np.bincount(codes, spread)).sum() * groups / (groups - 1)
    effect = float(together / alone) if alone > 0 else 1.0
    return effect if effect > 1 and effect * (groups - 1) > chdtri(groups - 1, CHANCE) else 1.0
