"""Shares count no more rows than days that differ let them: the design effect, and the bounds that it makes honest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.statistics import rate_interval
from tasks.tally import days_of, design, share, tally

EVERY = np.ones(2800, dtype=bool)
DAYS = np.repeat(np.arange(28), 100)


def rows(random: np.random.Generator, spread: float) -> np.ndarray:
    """Return whether each of 2,800 answers over 28 days is right: 70% of them, by day `spread` more or less."""
    rates = np.clip(0.7 + spread * random.standard_normal(28), 0.02, 0.98)
    return random.random(2800) < rates[DAYS]


def test_days_that_are_alike_change_nothing() -> None:
    """Of independent rows at most one sample in ten looks as if its days differed."""
    random = np.random.default_rng(0)
    effects = [design(rows(random, 0), np.ones(2800), EVERY, DAYS) for _ in range(300)]
    assert min(effects) == 1
    assert np.mean(np.array(effects) > 1) < 0.1


def test_bounds_hold_where_days_differ() -> None:
    """With days 15 points apart, the bound for independent rows misses the truth a third of the time or more."""
    random = np.random.default_rng(1)
    missed = {"as days differ": 0, "as if independent": 0}
    for _ in range(400):
        right = rows(random, 0.15)
        truth = 0.7
        for name, effect in (("as days differ", design(right, np.ones(2800), EVERY, DAYS)), ("as if independent", 1.0)):
            seen = share(right, np.ones(2800), EVERY, effect)
            bounds = rate_interval(seen.events, seen.trials, 0.95)
            missed[name] += not bounds.low <= truth <= bounds.high
    assert missed["as days differ"] / 400 < 0.14  # both sides: 10%, and its error
    assert missed["as if independent"] / 400 > 0.33


@pytest.mark.parametrize("days", [None, np.repeat(np.arange(7), 400)])
def test_without_enough_days_rows_count_as_they_are(days: np.ndarray | None) -> None:
    """Seven days can't tell how one differs from another."""
    right = np.repeat([True, False, True, False, True, True, True], 400)
    assert design(right, np.ones(2800), EVERY, days) == 1


def test_the_days_of_the_trials_alone_count() -> None:
    """A slice that came on five days has no more than these."""
    assert design(np.arange(2800) % 2 == 0, np.ones(2800), DAYS < 5, DAYS) == 1


def test_all_right_or_none_is_no_effect() -> None:
    """Where nothing varies, days can't."""
    assert design(np.ones(2800, dtype=bool), np.ones(2800), EVERY, DAYS) == 1


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
    assert days_of(table.drop(columns="day")) is None
