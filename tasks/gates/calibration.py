"""Whether a confidence means what it says: of the answers said to be 80% sure, about 80% are right.

The confidence is judged as the adapter serves it, since that is what production gets: a temperature or an isotonic map,
fitted on the calibration set and seen on production, is reported as the remedy and decides nothing. Nor does the
abstention threshold: it is the lowest confidence at which the calibration set shows by its upper bound that at most the
asked share of the answers kept is wrong, and the note says what production then keeps and gets wrong.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Abstention, CalibrationEvidence, Fit, Unmeasured, VariantEvidence
from tasks.gates.comparisons import interval, rows_to_settle
from tasks.gates.verdict import Question, absent, at_most, show, unmeasured, verdict
from tasks.statistics import calibration_error

NAME = "calibration"
CHECKLIST = "week 9-10"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the variant's confidence on the production sample, with labels; for the remedy a labelled calibration set"
DECIDES = "whether the confidence that is served is the share of answers that are right"


class Limits(GateLimits):
    """How far confidence may be from the share that is right, and the risk that an abstention threshold is sought for."""

    max_calibration_error: Annotated[float, Field(gt=0, lt=1, description="largest root mean square calibration error")]
    asked_risk: Annotated[
        float, Field(gt=0, lt=1, description="share of wrong answers to abstain down to; reported, decides nothing")
    ]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's confidence."""
    found = evidence.calibration
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    note = f"{_fitted(found, limits)}; {_abstaining(found, limits)}"
    return verdict(NAME, CHECKLIST, limits, (_served(found, limits),), variant=evidence.name, note=note)


def _served(found: CalibrationEvidence, limits: Limits) -> Check:
    """Hold the calibration error of the served confidence to the limit."""
    served = found.served
    if not served.bins:
        return unmeasured("served", "No labelled production answer has a confidence to be judged; label some requests")
    question = Question(
        "served",
        f"The calibration error of the confidence as it is served, over {served.rows:,} labelled production answers,",
        "share",
        "serve a fitted confidence",
        "labelled answers",
    )
    bounds, limit = calibration_error(*served.gaps, limits.confidence), limits.max_calibration_error
    return at_most(question, bounds, limit, limits.confidence, rows_to_settle(served.rows, bounds, limit))


def _fitted(found: CalibrationEvidence, limits: Limits) -> str:
    """Say what the confidence would be worth once fitted."""
    if isinstance(found.temperature, Unmeasured):
        return f"no temperature was fitted: {found.temperature.why}"
    said = [
        f"{_name(fit)} would leave {_worth(fit, limits)}"
        for fit in (found.temperature, found.isotonic)
        if isinstance(fit, Fit)
    ]
    return f"fitted on {found.temperature.rows:,} rows of the calibration set, {' and '.join(said)}"


def _name(fit: Fit) -> str:
    return "an isotonic map" if fit.temperature is None else f"a temperature of {fit.temperature:.3g}"


def _worth(fit: Fit, limits: Limits) -> str:
    if not fit.production.bins:
        return "nothing to judge"
    bounds = calibration_error(*fit.production.gaps, limits.confidence)
    return f"{show(bounds.estimate, 'share')} (at most {show(bounds.high, 'share')})"


def _abstaining(found: CalibrationEvidence, limits: Limits) -> str:
    """Say what production keeps, and gets wrong, under the threshold that the calibration set asks for."""
    if isinstance(found.abstention, Unmeasured):
        return "no abstention threshold was sought"
    asked = show(limits.asked_risk, "share")
    chosen = next((each for each in found.abstention if _allows(each, limits)), None)
    if chosen is None:
        return f"no abstention threshold brings wrong answers on the calibration set down to {asked}"
    kept = show(chosen.kept.value, "share")
    begin = f"abstaining under {chosen.threshold:.3g}, for at most {asked} wrong by the calibration set, keeps {kept} of production"
    if chosen.wrong.trials == 0:
        return begin
    wrong = interval(chosen.wrong, limits.confidence)
    said = f"{begin}, of which {show(wrong.estimate, 'share')} are wrong (at most {show(wrong.high, 'share')})"
    return f"{said}: seek it on rows like production's" if wrong.low > limits.asked_risk else said


def _allows(each: Abstention, limits: Limits) -> bool:
    share = each.wrong_calibration
    return share.trials > 0 and interval(share, limits.confidence).high <= limits.asked_risk
