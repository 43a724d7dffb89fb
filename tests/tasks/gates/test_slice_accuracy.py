"""The gate of accuracy by slice: declared, derived, crossed and found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from support.gate_evidence import ABSENT, variant
from support.gate_limits import judge
from support.score_evidence import evaluation, scores, tally

from tasks.evidence import Slice, WeakSlice

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def part(value: str, labelled: int, correct: int, column: str = "source") -> Slice:
    """Return a slice."""
    return Slice(column=column, value=value, label_share=0.1, tally=tally(labelled, correct))


def sliced(*slices: Slice, **changes: Any) -> GateResult:
    """Return the verdict on slices whose floor is 60%, and of which 300 rows must clear themselves."""
    production = scores("production", tally(3000, 2400), *slices, **changes)
    return judge("slice-accuracy", variant(evaluation=evaluation(production=production)))


def test_sound_slices_pass_and_the_closest_is_named() -> None:
    """The slice with the least headroom lends the gate its numbers."""
    result = sliced(part("shop", 1000, 900), part("app", 400, 290))
    assert (result.outcome, result.observed) == ("pass", 290 / 400)
    assert "source=app" in result.because
    assert "2 of 2 slices" in result.because


def test_one_language_fails_though_the_mean_looks_fine() -> None:
    """A trait that nobody declared is held to the floor as a declared column is."""
    result = sliced(part("shop", 2700, 2300), traits=(part("de", 300, 120, "language"),))
    assert (result.outcome, result.observed) == ("fail", 0.4)
    assert "language=de" in result.because


def test_two_columns_that_meet_badly_fail() -> None:
    """Each column alone is fine."""
    crossed = (part("app, de", 320, 140, "source and language"),)
    assert sliced(part("app", 1500, 1200), crossed=crossed).outcome == "fail"


def test_what_a_search_found_fails_by_its_unseen_rows() -> None:
    """Few rows are enough where they are bad enough."""
    weak = WeakSlice(rule="source=app and length=over 1280", tally=tally(90, 30))
    result = sliced(part("shop", 1000, 900), weakest=weak)
    assert (result.outcome, "searched for on other rows" in result.because) == ("fail", True)
    fine = WeakSlice(rule="source=app", tally=tally(90, 55))
    assert sliced(part("shop", 1000, 900), weakest=fine).outcome == "pass"


def test_a_small_slice_can_only_fail() -> None:
    """Thirty rows can't show 60%, and don't hold a launch up; nor do they hide that none is right."""
    assert sliced(part("shop", 1000, 900), part("fax", 30, 19)).outcome == "pass"
    assert sliced(part("shop", 1000, 900), part("fax", 30, 2)).outcome == "fail"


def test_a_large_slice_near_the_floor_is_inconclusive() -> None:
    """It says how many more labels would tell."""
    result = sliced(part("shop", 1000, 900), part("app", 300, 190))
    assert result.outcome == "inconclusive"
    assert next(check.needed for check in result.checks if check.name == "source=app")


def test_slices_that_none_could_clear_are_unmeasured() -> None:
    """A column of many values leaves none with enough rows."""
    assert sliced(*(part(f"page {n}", 20, 18) for n in range(50))).outcome == "unmeasured"


def test_requests_that_nothing_divides_are_one_slice() -> None:
    """A candidate without slices, of inputs without traits, is held to the floor as a whole."""
    result = sliced()
    assert (result.outcome, "all requests" in result.because) == ("pass", True)


def test_without_traits_nothing_is_said() -> None:
    """Slices that were to be told from the requests and could not be are not passed over."""
    assert sliced(part("shop", 1000, 900), traits=ABSENT).outcome == "unmeasured"


def test_a_hundred_small_slices_at_the_floor_seldom_fail() -> None:
    """Of launches whose every small slice is exactly at the floor, at most one in twenty fails by chance."""
    random = np.random.default_rng(8)
    fails = 0
    for _ in range(200):
        parts = (part(str(n), 100, int(k), "page") for n, k in enumerate(random.binomial(100, 0.6, 100)))
        fails += sliced(part("shop", 1000, 900), *parts).outcome == "fail"
    assert fails <= 200 * 0.05 + 3 * (200 * 0.05 * 0.95) ** 0.5


def test_weak_slices_are_named_though_each_alone_is_too_small_to_fail() -> None:
    """Of forty small slices ten are weak: none of them fails the launch, and the verdict names those that chance explains least."""
    sound, weak = [part(f"sound{n}", 40, 34) for n in range(30)], [part(f"weak{n}", 40, 16) for n in range(10)]
    result = sliced(part("large", 2000, 1700), *sound, *weak)
    assert result.outcome == "pass"
    assert "weak, with at most 5% of those named by chance: source=weak0 (at most" in result.because
    assert " and 2 more" in result.because
    assert "source=sound" not in result.because


def test_no_slice_is_named_where_all_are_sound() -> None:
    """There is nothing to look at."""
    assert "weak" not in sliced(part("large", 2000, 1700), *(part(f"some{n}", 40, 34) for n in range(30))).because
