"""Labels that are missing at random hide nothing; those that are missing for hard requests or for a group do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.evaluation.label_coverage import label_coverage, label_shift

ROWS = 6_000


@pytest.fixture
def table() -> pd.DataFrame:
    """Return scored requests that are right as often as their confidence says, all of them labelled."""
    random = np.random.default_rng(3)
    confidence = random.uniform(0.5, 1, ROWS)
    return pd.DataFrame(
        {
            "label": "good",
            "right": random.random(ROWS) < confidence,
            "confidence": confidence,
            "weight": 1.0,
            "slice_source": random.choice(["shop", "app"], ROWS, p=[0.8, 0.2]),
        }
    )


def unlabelled(table: pd.DataFrame, share: pd.Series[float] | float) -> pd.DataFrame:
    """Return the table with labels missing at the given share of rows, and nothing right without a label."""
    gone = np.random.default_rng(4).random(len(table)) < share
    return table.assign(label=table["label"].where(~gone, None), right=table["right"] & ~gone)


def test_labels_missing_at_random_hide_nothing(table: pd.DataFrame) -> None:
    """Both accuracies are that of all requests, within what chance leaves."""
    found = label_shift(unlabelled(table, 0.4))
    assert found is not None
    assert abs(found.accuracy - found.reweighted) < 3 * found.deviation < 0.02
    assert found.cells == 10


def test_labels_of_confident_answers_alone_are_found_out(table: pd.DataFrame) -> None:
    """The labelled ones look better than all are; reweighted by confidence, they don't."""
    truth = table["right"].mean()
    found = label_shift(unlabelled(table, 1.6 * (1 - table["confidence"])))
    assert found is not None
    assert found.accuracy > truth + 0.02
    assert found.reweighted == pytest.approx(truth, abs=0.02)
    assert found.accuracy - found.reweighted > 3 * found.deviation


def test_labels_missing_for_a_weak_slice_are_found_out(table: pd.DataFrame) -> None:
    """Users of the app are served badly and seldom label: at any confidence, their labels stand for more requests."""
    app = table["slice_source"] == "app"
    table = table.assign(right=table["right"] & ~(app & (np.random.default_rng(1).random(ROWS) < 0.6)))
    truth = table["right"].mean()
    found = label_shift(unlabelled(table, app * 0.8))
    assert found is not None
    assert found.accuracy > truth + 0.05
    assert found.reweighted == pytest.approx(truth, abs=0.03)


def test_weights_count(table: pd.DataFrame) -> None:
    """A slice that was drawn four times as often counts a quarter."""
    app = table["slice_source"] == "app"
    found = label_shift(table.assign(right=~app, weight=np.where(app, 0.25, 1.0)))
    assert found is not None
    assert (
        found.accuracy
        == pytest.approx(found.reweighted)
        == pytest.approx((~app).sum() / ((~app).sum() + app.sum() / 4))
    )


def test_without_labels_nothing_is_said(table: pd.DataFrame) -> None:
    """No label, no accuracy."""
    assert label_shift(unlabelled(table, 1.0)) is None


def test_labels_are_counted_by_confidence_and_slice(table: pd.DataFrame) -> None:
    """Two halves, and each value of each declared column."""
    groups = {group.group: group for group in label_coverage(unlabelled(table, 0.5))}
    assert set(groups) == {"low confidence", "high confidence", "source=app", "source=shop"}
    assert groups["low confidence"].rows == ROWS / 2
    assert groups["source=app"].rows + groups["source=shop"].rows == ROWS


def test_users_that_label_alike_widen_what_is_known(table: pd.DataFrame) -> None:
    """Where all requests of a user are alike, chance in who labels looks like a bias, unless users count and not requests."""
    random = np.random.default_rng(0)
    users, confidence = random.integers(0, 200, ROWS), random.uniform(0.5, 1, 200)
    labels, right = random.random(200) < 0.5, random.random(200) < 0.7
    alike = table.assign(
        confidence=confidence[users],
        right=right[users] & labels[users],
        label=np.where(labels[users], "good", None),
    )
    apart, together = label_shift(alike), label_shift(alike.assign(cluster=users.astype(str)))
    assert apart is not None
    assert together is not None
    assert (together.accuracy, together.reweighted) == (apart.accuracy, apart.reweighted)
    assert 3 * apart.deviation < abs(together.accuracy - together.reweighted) < 2 * together.deviation
