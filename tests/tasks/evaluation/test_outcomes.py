"""Tallies and shares of weighted rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.data.weighting import groups_of
from tasks.evaluation.outcomes import share, tally


def test_a_share_of_weighted_rows_is_the_logs_and_says_less() -> None:
    """Two rows of weight 3 and six of weight 1: the share is that of the weights, of (12^2 / 24 =) 6 effective rows."""
    weights = np.array([3.0, 3, 1, 1, 1, 1, 1, 1])
    events = np.array([True, False, True, True, False, False, False, False])
    found = share(events, weights, np.ones(8, dtype=bool))
    assert (found.value, found.trials) == (pytest.approx(5 / 12), pytest.approx(6))
    everything = share(np.ones(8, dtype=bool), weights, np.ones(8, dtype=bool))
    assert everything.events == everything.trials
    alike = share(events, weights, weights == 1)
    assert (alike.events, alike.trials) == (2, 6)


DAYS = np.repeat(np.arange(28), 100)


def test_a_tally_keeps_counts_and_shrinks_shares() -> None:
    """Rows, labels and errors stay what they are; of two weeks, one good and one bad, the share says as much as days do."""
    right = np.repeat([True, False], 1400)
    table = pd.DataFrame(
        {
            "label": "x",
            "right": right,
            "weight": 1.0,
            "outcome": "answered",
            "day": [f"2026-03-{day + 1:02d}" for day in DAYS],
        }
    )
    found = tally(table)
    assert (found.rows, found.labelled, found.correct, found.errors) == (2800, 2800, 1400, 0)
    assert found.right.value == 0.5
    assert 20 < found.right.trials < 30
    assert found.answered.trials == 2800
    assert groups_of(table.drop(columns="day")) == (None, None, None)
