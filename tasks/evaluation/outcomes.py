"""Whether a request was answered, and tallies of right answers over all requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.data.weighting import designs, groups_of
from tasks.evidence import Share, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


ANSWERED = "answered"
ABSTAINED = "abstained"
BROKEN = ("exception", "non_finite", "malformed")


def tally(table: pd.DataFrame) -> Tally:
    """Return the counts and weighted shares of scored rows: outcome, label, right, weight and, where known, day and cluster."""
    return tallies(table, [np.ones(len(table), dtype=bool)])[0]


def tallies(table: pd.DataFrame, parts: Sequence[np.ndarray]) -> list[Tally]:
    """Return the tally of each of several parts of scored rows, masks of shape (rows,).

    Rows of a day, or of a cluster, are taken to be no less alike in one part than they are in all of them.
    """
    labelled, is_right = table["label"].notna().to_numpy(), table["right"].to_numpy()
    outcome, weights, groups = table["outcome"].to_numpy(), table["weight"].to_numpy(), groups_of(table)
    answered, failed = outcome == ANSWERED, np.isin(outcome, BROKEN)

    def shown(events: np.ndarray, trials: Sequence[np.ndarray]) -> list[Share]:
        effects = designs(events, weights, trials, groups)
        return [share(events, weights, mask, effect) for mask, effect in zip(trials, effects, strict=True)]

    shares = zip(
        parts,
        shown(is_right, [part & labelled for part in parts]),
        shown(answered, parts),
        shown(failed, parts),
        strict=True,
    )
    return [
        Tally(
            rows=int(part.sum()),
            labelled=int((part & labelled).sum()),
            correct=int(is_right[part].sum()),
            abstained=int((outcome[part] == ABSTAINED).sum()),
            errors=int(failed[part].sum()),
            right=share_right,
            answered=share_answered,
            failed=share_failed,
        )
        for part, share_right, share_answered, share_failed in shares
    ]


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
