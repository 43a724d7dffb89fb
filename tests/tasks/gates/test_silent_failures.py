"""The gate of silent failures: errors at high confidence, and generated answers that are out of shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.data_evidence import shift
from support.gate_evidence import ABSENT, variant
from support.gate_limits import judge
from support.score_evidence import calibration, confident, evaluation

from tasks.evidence import AnswerShapes, Share

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def silent(*slices: tuple[str, int, int], errors: int = 60, **limits: Any) -> GateResult:
    """Return the verdict on confident errors among 3,000 requests, and on (value, errors, rows) of slices."""
    found = calibration(
        confident_errors=(confident(errors + 200, 3000, threshold=0.8), confident(errors, 3000, *slices))
    )
    return judge("silent-failures", variant(calibration=found), **limits)


@pytest.mark.parametrize(("errors", "outcome"), [(60, "pass"), (145, "inconclusive"), (240, "fail")])
def test_confident_errors_are_held_to_their_limit(errors: int, outcome: str) -> None:
    """5% of all labelled requests, by the bound."""
    assert silent(errors=errors).outcome == outcome


def test_a_slice_with_confident_errors_fails() -> None:
    """One group of users must not get them all; a slice of few rows is not judged."""
    assert silent(("mail", 100, 400)).outcome == "fail"
    assert "source=mail" in silent(("mail", 100, 400)).because
    assert silent(("mail", 30, 100)).outcome == "pass"


def test_a_threshold_that_was_not_counted_at_is_rounded_down() -> None:
    """More errors are counted, never fewer; below the lowest nothing can be said."""
    assert "0.9 or more" in silent(min_confidence=0.93).because
    assert silent(min_confidence=0.85).outcome == "fail"
    assert silent(min_confidence=0.7).outcome == "unmeasured"


def shapes(loops: int = 0, short: int = 0, long: int = 0, distance: float = 0.02) -> AnswerShapes:
    """Return the shapes of 2,000 answers, 1,000 of them labelled."""
    return AnswerShapes(
        answered=2000,
        labelled=1000,
        repeated=Share(events=loops, trials=2000),
        shortened=Share(events=short, trials=1000),
        lengthened=Share(events=long, trials=1000),
        lengths=shift("answer length", distance),
    )


LIMITS = {"max_loop_rate": 0.01, "max_misshapen_rate": 0.05, "max_length_distance": 0.2}


@pytest.mark.parametrize(
    ("found", "failing"),
    [
        (shapes(), None),
        (shapes(loops=60), "repeated"),
        (shapes(short=90), "shortened"),
        (shapes(long=90), "lengthened"),
        (shapes(distance=0.6), "lengths"),
    ],
)
def test_shapes_of_answers_fail_one_by_one(found: AnswerShapes, failing: str | None) -> None:
    """Loops, answers cut short or drawn out, and lengths that left the evaluation set, each by its own limit."""
    evidence = variant("int8", evaluation=evaluation(shapes=found))
    result = judge("silent-failures", evidence, **LIMITS)
    assert {check.name for check in result.checks if check.outcome != "pass"} == ({failing} if failing else set())
    assert judge("silent-failures", evidence).outcome == "pass"


def test_answers_that_are_not_generated_have_no_shape() -> None:
    """The limits ask nothing of classes, and sequences that could not be looked at pass nothing."""
    assert judge("silent-failures", variant("int8"), **LIMITS).outcome == "pass"
    unseen = variant("int8", evaluation=evaluation(shapes=ABSENT))
    assert judge("silent-failures", unseen, **LIMITS).outcome == "unmeasured"
