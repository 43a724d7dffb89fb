"""Whether a request was answered, and tallies of right answers over all requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.data.weighting import design, groups_of
from tasks.evidence import Share, Tally

if TYPE_CHECKING:
    import pandas as pd


ANSWERED = "answered"
ABSTAINED = "abstained"
BROKEN = ("exception", "non_finite", "malformed")


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
