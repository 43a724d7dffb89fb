"""The calibration gate: the confidence that is served, and what would mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.gate_evidence import ABSENT, variant
from support.gate_limits import check, judge
from support.score_evidence import calibration, reliability

from tasks.evidence import Abstention, Fit, Share

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def calibrated(**changes: Any) -> GateResult:
    """Return the verdict on a confidence whose error may be 10 points."""
    return judge("calibration", variant(calibration=calibration(**changes)))


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
