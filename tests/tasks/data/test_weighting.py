"""Shares count no more rows than days that differ let them: the design effect, and the bounds that it makes honest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.core.records import Columns
from tasks.data.weighting import COPY, Groups, design, designs, group_columns, groups_of
from tasks.evaluation.outcomes import share
from tasks.statistics import rate_interval

EVERY = np.ones(2800, dtype=bool)
DAYS = np.repeat(np.arange(28), 100)
BY_DAY = Groups(days=DAYS)
COLUMNS = Columns(id="id", time="time", label="label", input=("text",), status="status")


def rows(random: np.random.Generator, spread: float) -> np.ndarray:
    """Return whether each of 2,800 answers over 28 days is right: 70% of them, by day `spread` more or less."""
    rates = np.clip(0.7 + spread * random.standard_normal(28), 0.02, 0.98)
    return random.random(2800) < rates[DAYS]


def test_days_that_are_alike_change_nothing() -> None:
    """Of independent rows one sample in four looks as if its days differed, and then hardly."""
    random = np.random.default_rng(0)
    effects = [design(rows(random, 0), np.ones(2800), EVERY, BY_DAY) for _ in range(300)]
    assert min(effects) == 1
    assert 0.1 < np.mean(np.array(effects) > 1) < 0.35
    assert np.mean(effects) < 1.2


def test_bounds_hold_where_days_differ() -> None:
    """With days 15 points apart, the bound for independent rows misses the truth a third of the time or more."""
    random = np.random.default_rng(1)
    missed = {"as days differ": 0, "as if independent": 0}
    for _ in range(400):
        right = rows(random, 0.15)
        truth = 0.7
        for name, effect in (
            ("as days differ", design(right, np.ones(2800), EVERY, BY_DAY)),
            ("as if independent", 1.0),
        ):
            seen = share(right, np.ones(2800), EVERY, effect)
            bounds = rate_interval(seen.events, seen.trials, 0.95)
            missed[name] += not bounds.low <= truth <= bounds.high
    assert missed["as days differ"] / 400 < 0.14  # both sides: 10%, and its error
    assert missed["as if independent"] / 400 > 0.33


@pytest.mark.parametrize("days", [None, np.repeat(np.arange(7), 400)])
def test_without_enough_days_rows_count_as_they_are(days: np.ndarray | None) -> None:
    """Seven days can't tell how one differs from another."""
    right = np.repeat([True, False, True, False, True, True, True], 400)
    assert design(right, np.ones(2800), EVERY, Groups(days=days)) == 1


def test_the_days_of_the_trials_alone_count() -> None:
    """A slice that came on five days has no more than these."""
    assert design(np.arange(2800) % 2 == 0, np.ones(2800), DAYS < 5, BY_DAY) == 1


def test_all_right_or_none_is_no_effect() -> None:
    """Where nothing varies, days can't."""
    assert design(np.ones(2800, dtype=bool), np.ones(2800), EVERY, BY_DAY) == 1


WORDS = np.concatenate([np.repeat(np.arange(60), 30), 60 + np.arange(1000)])  # 60 that are asked often, 1,000 once


def asked(random: np.random.Generator) -> np.ndarray:
    """Return whether each answer is right: 70% of them, and all of one word alike."""
    return (random.random(1060) < 0.7)[WORDS]


def test_bounds_hold_where_words_are_asked_again() -> None:
    """Where all answers to a word are alike, the wider interval holds; that of independent rows misses a third of the time."""
    random, every, ones = np.random.default_rng(2), np.ones(len(WORDS), dtype=bool), np.ones(len(WORDS))
    held, widths = np.zeros(2), np.zeros(2)
    for _ in range(400):
        right = asked(random)
        for number, groups in enumerate((Groups(clusters=WORDS), Groups())):
            seen = share(right, ones, every, design(right, ones, every, groups))
            bounds = rate_interval(seen.events, seen.trials, 0.975)
            held[number] += bounds.low <= 0.7 <= bounds.high
            widths[number] += bounds.high - bounds.low
    assert held[0] / 400 > 0.925  # 95%, and the error of 400 draws
    assert held[1] / 400 < 0.7
    assert widths[0] > 2 * widths[1]


def test_each_of_a_few_clusters_counts_as_one_row() -> None:
    """One user, or nine, with a thousand requests each: nothing tells how the next one differs."""
    for users in (1, 9):
        right = np.ones(1000 * users, dtype=bool)
        groups = Groups(clusters=np.repeat(np.arange(users), 1000))
        seen = share(right, right * 1.0, right, design(right, right * 1.0, right, groups))
        assert (seen.events, seen.trials) == (users, users)


def test_days_and_clusters_count_together() -> None:
    """Where both differ the effect is near the sum of both, and no less than either; the same groups twice are one."""
    random, every, ones = np.random.default_rng(4), np.ones(3000, dtype=bool), np.ones(3000)
    days, users = random.integers(0, 30, 3000), random.integers(0, 40, 3000)
    values = random.normal(size=30)[days] + random.normal(size=40)[users] + random.normal(size=3000)
    by_day, by_user, both = (
        design(values, ones, every, groups)
        for groups in (Groups(days=days), Groups(clusters=users), Groups(days, users))
    )
    assert both == pytest.approx(by_day + by_user, rel=0.15)
    assert design(values, ones, every, Groups(days, days)) == pytest.approx(by_day)


def test_a_row_without_a_cluster_is_one_of_its_own() -> None:
    """Users who are not known are not one user."""
    table = pd.DataFrame({"cluster": ["a", None, "a", np.nan, "b"]})
    found = groups_of(table).clusters
    assert found is not None
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 4


def test_an_effect_leaves_a_trial() -> None:
    """However much one cluster weighs, at least one row is left to say something."""
    clusters, every = np.concatenate([np.zeros(5000, dtype=int), np.arange(1, 12)]), np.ones(5011, dtype=bool)
    values = (clusters == 0) | (clusters > 6)
    seen = share(values, every * 1.0, every, design(values, every * 1.0, every, Groups(clusters=clusters)))
    assert 1 <= seen.trials < 3


def test_a_slice_takes_from_all_slices_how_much_alike_its_users_rows_are() -> None:
    """Of a hundred slices of twelve users each, some look as if their users did not differ; all of them together tell."""
    random = np.random.default_rng(3)
    users = np.repeat(np.arange(1200), 6)
    chances = random.beta(0.6 * 0.7 / 0.3, 0.4 * 0.7 / 0.3, 1200)[users]  # rows of a user are alike by 0.3
    right, ones = random.random(users.size) < chances, np.ones(users.size)
    slices, groups = [users // 12 == number for number in range(100)], Groups(clusters=users)
    own = np.array([design(right, ones, part, groups) for part in slices])
    found = np.array(designs(right, ones, slices, groups))
    truth = 1 + 0.3 * 5
    assert own.min() == 1
    assert 0.9 * truth < found.min() < 1.2 * truth
    assert (found >= own).all()


def test_slices_of_independent_rows_count_as_they_are() -> None:
    """Where users have a row each, or do not differ, all slices together say nothing either."""
    right, ones = np.arange(2400) % 3 == 0, np.ones(2400)
    slices = [np.arange(2400) % 4 == number for number in range(4)]
    assert designs(right, ones, slices, Groups(clusters=np.arange(2400))) == [1, 1, 1, 1]
    assert designs(right, ones, slices, Groups()) == [1, 1, 1, 1]
    assert designs(right, ones, [np.zeros(2400, dtype=bool)], Groups(clusters=np.arange(2400))) == [1]


def test_copies_are_one_cluster_that_nobody_had_to_name() -> None:
    """Thirty texts that make two rows in five: each is right or wrong as a whole, so the bound at the limit holds."""
    random, passes = np.random.default_rng(5), {"copies": 0, "rows": 0}
    texts = np.concatenate([np.repeat(np.arange(30), 20), 30 + np.arange(900)])
    frame = pd.DataFrame({"text": [f"text {number}" for number in texts]})
    groups = groups_of(pd.DataFrame(group_columns(frame, COLUMNS)))
    assert groups.copies is not None
    for _ in range(300):
        right = (random.random(930) < 0.7)[texts]
        ones, every = np.ones(texts.size), np.ones(texts.size, dtype=bool)
        for name, known in (("copies", groups), ("rows", Groups())):
            seen = share(right, ones, every, design(right, ones, every, known))
            passes[name] += rate_interval(seen.events, seen.trials, 0.95).low >= 0.7
    assert passes["copies"] / 300 < 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5
    assert passes["rows"] / 300 > 0.2


def test_inputs_of_any_kind_are_compared_by_what_they_hold() -> None:
    """Lists and images that are equal are copies; rows whose input stands once, or is missing, have no name."""
    images = [np.zeros((2, 2)), np.ones((2, 2)), np.zeros((2, 2)), np.full((2, 2), 2.0)]
    found = group_columns(pd.DataFrame({"text": images}), COLUMNS)[COPY]
    assert found[0] == found[2]
    assert (found[1], found[3]) == (None, None)
    assert COPY not in group_columns(pd.DataFrame({"text": ["a", "b", None, None]}), COLUMNS)
