"""The gates of a variant's confidence: what is served is judged, what would help is said, few errors may be silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import ABSENT, calibration, confident, reliability, variant
from support.gate_limits import check, judge

from tasks.evidence import Abstention, Fit, Share

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def calibrated(**changes: Any) -> GateResult:
    """Return the verdict on a confidence whose error may be 10 points."""
    return judge("calibration", variant(calibration=calibration(**changes)))


def silent(*slices: tuple[str, int, int], errors: int = 60, **limits: Any) -> GateResult:
    """Return the verdict on confident errors among 3,000 requests, and on (value, errors, rows) of slices."""
    found = calibration(
        confident_errors=(confident(errors + 200, 3000, threshold=0.8), confident(errors, 3000, *slices))
    )
    return judge("silent-failures", variant(calibration=found), **limits)


def test_what_is_served_is_judged_though_a_fit_would_mend_it() -> None:
    """An overconfident head fails, and the sentence names the temperature that it should be served with."""
    result = calibrated(
        served=reliability(0.2), temperature=Fit(rows=1000, temperature=20.0, production=reliability(0.01))
    )
    assert result.outcome == "fail"
    assert "a temperature of 20 would leave" in result.because


def test_without_labels_to_fit_to_the_served_confidence_is_judged_all_the_same() -> None:
    """The remedy is unknown, and the sentence says why."""
    lacking = dict.fromkeys(("temperature", "isotonic", "abstention"), ABSENT)
    for gap, outcome in ((0.02, "pass"), (0.2, "fail")):
        result = calibrated(served=reliability(gap), **lacking)
        assert (result.outcome, "no temperature was fitted: the machine was on fire" in result.because) == (
            outcome,
            True,
        )


def test_an_error_at_the_limit_is_inconclusive() -> None:
    """Few rows can't tell, and the check says how many could."""
    result = calibrated(served=reliability(0.1, rows=1500))
    assert result.outcome == "inconclusive"
    assert check(result, "served").needed


def test_the_abstention_threshold_is_the_lowest_that_the_calibration_set_allows() -> None:
    """It is chosen by the bound there, and production says what it is worth."""

    def at(threshold: float, wrong: int, rows: int = 900) -> Abstention:
        shares = {"kept": Share(events=2400, trials=3000), "wrong": Share(events=288, trials=2400)}
        return Abstention(threshold=threshold, wrong_calibration=Share(events=wrong, trials=rows), **shares)

    said = calibrated(abstention=(at(0.0, 150), at(0.6, 85), at(0.7, 60), at(0.8, 40))).because
    assert "abstaining under 0.7," in said
    assert "keeps 80% of production, of which 12% are wrong" in said
    assert "no abstention threshold brings" in calibrated(abstention=(at(0.0, 150), at(0.9, 3, rows=10))).because


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
