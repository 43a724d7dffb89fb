"""The gate on drift: by what is shown of the distance, over all columns together."""

from __future__ import annotations

import numpy as np
import pytest
from support.data_evidence import drift, shift
from support.gate_evidence import launch
from support.gate_limits import check, judge


@pytest.mark.parametrize(
    ("distance", "outcome"), [(0.05, "pass"), (0.19, "inconclusive"), (0.21, "inconclusive"), (0.4, "fail")]
)
def test_a_distance_is_held_to_its_limit_by_its_bounds(distance: float, outcome: str) -> None:
    """1,500 rows against 4,000 blur a distance by four points."""
    result = judge("drift", launch(drift=drift(shift("length of text", distance))))
    assert (result.outcome, result.observed, result.limit) == (outcome, distance, 0.2)


def test_a_failure_says_what_moved() -> None:
    """The values, their shares before and now, and the other columns that moved."""
    result = judge("drift", launch(drift=drift(shift("length of text", 0.6), shift("amount", 0.4), shift("label", 0))))
    assert result.outcome == "fail"
    assert "'length of text' (largest gap between shares; at most 50: 80% → 20%) is 60%" in result.because
    assert result.because.endswith("moved: length of text, amount")
    assert check(result, "label").outcome == "pass"


def test_chance_is_no_shift() -> None:
    """What many categories of few rows add to a distance by chance alone is taken off before it fails."""
    columns = [shift("city", 0.33, kind="categories", evaluation_rows=200, excess=excess) for excess in (0.0, 0.15)]
    outcomes = [judge("drift", launch(drift=drift(column))).outcome for column in columns]
    assert outcomes == ["fail", "inconclusive"]


def test_an_undecided_distance_says_how_many_rows_would_tell() -> None:
    """Of the evaluation set, with production in proportion."""
    result = judge("drift", launch(drift=drift(shift("length of text", 0.17))))
    assert result.outcome == "inconclusive"
    assert (check(result, "length of text").needed or 0) > 1500


@pytest.mark.parametrize("side", ["evaluation_rows", "production_rows"])
def test_a_column_without_rows_is_unmeasured(side: str) -> None:
    """Labels that have not come say nothing of labels."""
    result = judge("drift", launch(drift=drift(shift("length of text", 0.01), shift("label", 0, **{side: 0}))))
    assert (result.outcome, "'label'" in result.because) == ("unmeasured", True)


def test_forty_columns_just_at_the_limit_seldom_fail() -> None:
    """All share one level, so that many columns do not fail together what none would fail alone."""
    random = np.random.default_rng(3)
    fails = 0
    for _ in range(200):
        seen = random.binomial(1500, 0.6, 40) / 1500 - random.binomial(4000, 0.4, 40) / 4000
        columns = (shift(str(number), float(each)) for number, each in enumerate(seen))
        fails += judge("drift", launch(drift=drift(*columns))).outcome == "fail"
    assert fails <= 200 * 0.05 + 3 * (200 * 0.05 * 0.95) ** 0.5
