"""Which findings are named: few by chance, more than a family-wise rule names, and with bounds that hold for those picked."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.statistics import confidence_of_named, discoveries, rate_interval, smallest_level

TESTED, WEAK, ROWS, FLOOR = 100, 20, 120, 0.7


def below(events: int, confidence: float) -> bool:
    """Tell whether so many right answers of 120 show that a slice is below the floor."""
    return rate_interval(events, ROWS, confidence).high < FLOOR


def test_the_smallest_level_is_the_exact_p_value() -> None:
    """That of a binomial test, and 1 where nothing is shown."""
    from scipy.stats import binom

    found = smallest_level(lambda confidence: below(70, confidence))
    assert found == pytest.approx(float(binom.cdf(70, ROWS, FLOOR)), rel=1e-6)
    assert smallest_level(lambda confidence: below(84, confidence)) == 1
    assert smallest_level(lambda _: True) == pytest.approx(1e-12)


def test_few_of_those_named_are_chance_and_their_bounds_hold() -> None:
    """Of 100 slices 20 are weak: at most 5% of those named are not, more are named than one by one, bounds miss 5% at most."""
    random = np.random.default_rng(0)
    truth = np.where(np.arange(TESTED) < WEAK, 0.55, FLOOR)
    levels = {
        events: smallest_level(lambda confidence, events=events: below(events, confidence))
        for events in range(ROWS + 1)
    }
    false, missed, named, bonferroni = [], [], 0, 0
    for _ in range(300):
        right = random.binomial(ROWS, truth)
        each = [levels[events] for events in right.tolist()]
        found = np.array(discoveries(each, 0.05), dtype=int)
        false.append(np.mean(found >= WEAK) if found.size else 0.0)
        named += found.size
        bonferroni += sum(level <= 0.05 / TESTED for level in each)
        if found.size:
            at = confidence_of_named(found.size, TESTED, 0.05)
            missed.append(np.mean([rate_interval(right[place], ROWS, at).high < truth[place] for place in found]))
    assert np.mean(false) < 0.05
    assert np.mean(missed) < 0.05
    assert named > 1.5 * bonferroni


def test_nothing_is_found_among_nothing() -> None:
    """No finding, and none that is shown."""
    assert discoveries([], 0.05) == ()
    assert discoveries([1.0, 0.6], 0.05) == ()
    with pytest.raises(ValueError, match="0 of 3 findings are named"):
        confidence_of_named(0, 3, 0.05)
