"""How checks become a verdict, and how a bound becomes a sentence."""

from __future__ import annotations

import pytest
from support.gate_limits import limits

from tasks.core.verdicts import Check, Outcome
from tasks.gates.verdict import Question, at_least, at_most, exactly_at_least, exactly_at_most, show, verdict
from tasks.statistics import Interval, QuantileBound

QUESTION = Question("loss", "The loss", "share", "mend it", "rows")


def made(name: str, outcome: Outcome, bound: float | None = None, limit: float | None = 1) -> Check:
    """Return a check with a bound and a limit."""
    return Check(name=name, outcome=outcome, observed=bound, bound=bound, limit=limit, because=name)


def decide(*checks: Check, note: str = "") -> tuple[str, str]:
    """Return the verdict's outcome and sentence."""
    result = verdict("some-gate", "week 1-2", limits("production-gap"), checks, variant="fp32", note=note)
    return result.outcome, result.because


def test_the_worst_outcome_decides() -> None:
    """A failure outweighs what was not measured, that outweighs what can't be told, and that outweighs a pass."""
    order = [made(name, name) for name in ("pass", "inconclusive", "unmeasured", "fail")]
    assert [decide(*order[:count])[0] for count in (1, 2, 3, 4)] == ["pass", "inconclusive", "unmeasured", "fail"]


def test_no_check_at_all_is_unmeasured() -> None:
    """A gate that compared nothing has nothing to pass on."""
    assert decide()[0] == "unmeasured"


def test_the_least_headroom_decides_among_passes() -> None:
    """Of checks that pass, the one nearest to its limit lends the gate its numbers, floors and limits alike."""
    assert decide(made("far", "pass", 0.2), made("near", "pass", 0.9), made("floor", "pass", 2))[1] == "near"


def test_the_furthest_over_decides_among_failures() -> None:
    """Of checks that fail, the one furthest beyond its limit comes first, as a share of that limit."""
    assert decide(made("by 10%", "fail", 110, 100), made("by half", "fail", 1.5, 1))[1] == "by half"


def test_a_check_without_numbers_decides_only_where_it_does_not_pass() -> None:
    """A broken comparison is the worst failure, and a count held to zero says least of a pass."""
    assert decide(made("over", "fail", 9, 1), made("broken", "fail", None, None))[1] == "broken"
    assert decide(made("none of them", "pass", 0, 0), made("close", "pass", 0.5))[1] == "close"
    assert decide(made("some", "inconclusive", 2), made("no bound", "inconclusive", None))[1] == "no bound"


def test_a_note_is_added_to_whichever_check_decides() -> None:
    """What a gate wants said is said, whatever decided."""
    assert decide(made("near", "pass", 0.9), note="two slices were small") == ("pass", "near; two slices were small")


@pytest.mark.parametrize(
    ("interval", "outcome", "bound"),
    [
        (Interval(0.01, 0.005, 0.02), "pass", 0.02),
        (Interval(0.04, 0.031, 0.05), "fail", 0.031),
        (Interval(0.025, 0.02, 0.04), "inconclusive", 0.04),
        (Interval(0.035, 0.02, 0.05), "inconclusive", 0.05),
    ],
)
def test_a_limit_is_held_to_the_bound_and_not_to_the_point(interval: Interval, outcome: str, bound: float) -> None:
    """The end of the interval that decides is the check's bound; a point on the right side alone passes nothing."""
    made_check = at_most(QUESTION, interval, 0.03, 0.95, needed=700)
    assert (made_check.outcome, made_check.bound) == (outcome, bound)
    assert made_check.observed == interval.estimate


@pytest.mark.parametrize(
    ("interval", "outcome", "bound"),
    [
        (Interval(0.8, 0.72, 0.85), "pass", 0.72),
        (Interval(0.6, 0.55, 0.65), "fail", 0.65),
        (Interval(0.72, 0.68, 0.75), "inconclusive", 0.68),
    ],
)
def test_a_floor_is_held_to_the_bound_and_not_to_the_point(interval: Interval, outcome: str, bound: float) -> None:
    """Above a floor the lower bound decides, and a failure is shown by the upper one."""
    made_check = at_least(QUESTION, interval, 0.7, 0.95)
    assert (made_check.outcome, made_check.bound) == (outcome, bound)


def test_a_missing_bound_says_how_much_more_is_needed() -> None:
    """A sample too small for a bound is inconclusive, with the size that would have one."""
    made_check = at_most(QUESTION, QuantileBound(0.01, None, None, 299), 0.03, 0.95, needed=299)
    assert (made_check.outcome, made_check.bound, made_check.needed) == ("inconclusive", None, 299)
    assert "about 299 rows would settle it" in made_check.because


def test_only_an_inconclusive_check_asks_for_more() -> None:
    """What is settled needs nothing, and what can't be planned asks for more without a number."""
    assert at_most(QUESTION, Interval(0.01, 0.005, 0.02), 0.03, 0.95, needed=700).needed is None
    assert "take more rows" in at_most(QUESTION, Interval(0.031, 0.02, 0.04), 0.03, 0.95).because
    at_limit = at_most(QUESTION, Interval(0.03, 0.02, 0.04), 0.03, 0.95)
    assert (at_limit.needed, "no number of rows would settle it" in at_limit.because) == (None, True)


def test_a_sentence_says_what_by_how_much_and_what_to_do() -> None:
    """The remedy stands where it is needed and only there."""
    assert at_most(QUESTION, Interval(0.049, 0.031, 0.06), 0.01, 0.95).because == (
        "The loss is 4.9%, at least 3.1% at 95% confidence, over the limit of 1%; mend it"
    )
    assert at_most(QUESTION, Interval(0.001, 0, 0.0045), 0.01, 0.99).because == (
        "The loss is 0.1%, at most 0.45% at 99% confidence, within the limit of 1%"
    )


def test_what_is_known_exactly_has_no_bound() -> None:
    """A count or a maximum meets its limit at equality, and carries no confidence."""
    assert exactly_at_most(QUESTION, 0.03, 0.03).outcome == "pass"
    assert exactly_at_most(QUESTION, 0.0300001, 0.03).outcome == "fail"
    assert exactly_at_least(QUESTION, 1000, 1000).outcome == "pass"
    failed = exactly_at_least(QUESTION, 0.5, 0.6)
    assert (failed.outcome, failed.bound) == ("fail", None)
    assert failed.because == "The loss is 50%, below the floor of 60%; mend it"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0123456, "accuracy", "1.23%"),
        (12.3456, "ms", "12.35 ms"),
        (12345.6, "bytes per call", "12,346 bytes per call"),
        (225.5, "USD a month", "$225.5 a month"),
        (3, "", "3"),
    ],
)
def test_values_are_shown_with_their_unit(value: float, unit: str, shown: str) -> None:
    """Shares are percentages, money has its sign, and no value has more than four digits."""
    assert show(value, unit) == shown
