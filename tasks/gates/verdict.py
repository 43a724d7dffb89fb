"""How a gate comes to its verdict: each comparison is a check, and the check that decides lends the gate its numbers."""

import math
from dataclasses import dataclass
from typing import Protocol

from tasks.core.verdicts import Check, GateLimits, GateResult, Outcome
from tasks.evidence import Unmeasured
from tasks.statistics import Bounds, decide_lower, decide_upper

DECIDING_ORDER: tuple[Outcome, ...] = ("fail", "unmeasured", "inconclusive", "pass")
REFERENCE = "fp32"  # the variant that every other one is held against
PERCENT = 100
WHOLE_FROM = 1000  # from here on a number is shown without decimals


class Estimate(Bounds, Protocol):
    """A quantity between its one-sided bounds."""

    @property
    def estimate(self) -> float:
        """The point."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a check asks, in words.

    `what` names the quantity, `remedy` says what to do where it fails, `counted` is what more of would settle it.
    """

    name: str
    what: str
    unit: str
    remedy: str
    counted: str = "rows"


def verdict(
    name: str,
    checklist: str,
    limits: GateLimits,
    checks: tuple[Check, ...],
    *,
    variant: str | None = None,
    note: str = "",
) -> GateResult:
    """Return the gate's result: the worst check decides, among equals the one with the least headroom.

    A gate without any check is unmeasured. `note` is added to the sentence of whichever check decides.
    """
    checks = checks or (unmeasured("evidence", "There was nothing to compare, so nothing can be said"),)
    deciding = min(checks, key=_rank)
    return GateResult(
        gate=name,
        variant=variant,
        severity=limits.severity,
        outcome=deciding.outcome,
        observed=deciding.observed,
        bound=deciding.bound,
        limit=deciding.limit,
        unit=deciding.unit,
        confidence=limits.confidence,
        because=f"{deciding.because}; {note}" if note else deciding.because,
        checklist=checklist,
        checks=checks,
    )


def unmeasured(name: str, because: str) -> Check:
    """Return a check that could not be made."""
    return Check(name=name, outcome="unmeasured", because=because)


def absent(evidence: Unmeasured) -> Check:
    """Return the check that stands for evidence that was not taken, with its reason."""
    return unmeasured(evidence.stage, f"The stage {evidence.stage} has no result: {evidence.why}")


def at_most(
    question: Question, estimate: Estimate, limit: float, confidence: float, needed: int | None = None
) -> Check:
    """Hold the upper bound of a quantity to a limit: it passes within, and fails where even the lower bound is over.

    The check's `bound` is the end that decided: the lower one of a failure, else the upper one.
    """
    return _bounded(question, estimate, limit, confidence, needed, floor=False)


def at_least(
    question: Question, estimate: Estimate, limit: float, confidence: float, needed: int | None = None
) -> Check:
    """Hold the lower bound of a quantity to a floor: it passes above, and fails where even the upper bound is below.

    The check's `bound` is the end that decided: the upper one of a failure, else the lower one.
    """
    return _bounded(question, estimate, limit, confidence, needed, floor=True)


def exactly_at_most(question: Question, observed: float, limit: float) -> Check:
    """Hold a quantity that is known exactly (a count, a maximum over the rows tested) to a limit."""
    return _exact(question, observed, limit, holds=observed <= limit, floor=False)


def exactly_at_least(question: Question, observed: float, limit: float) -> Check:
    """Hold a quantity that is known exactly to a floor."""
    return _exact(question, observed, limit, holds=observed >= limit, floor=True)


def show(value: float, unit: str) -> str:
    """Return a value as a reader wants it: shares as percentages of three digits, dollars with their sign, else four digits."""
    if unit.startswith(("share", "accuracy")):
        return f"{PERCENT * value:.3g}%"
    number = f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.4g}"
    return f"${number}{unit.removeprefix('USD')}" if unit.startswith("USD") else f"{number} {unit}".strip()


def _bounded(
    question: Question, estimate: Estimate, limit: float, confidence: float, needed: int | None, *, floor: bool
) -> Check:
    outcome = (decide_lower if floor else decide_upper)(estimate, limit)
    by_low = floor != (outcome == "fail")
    bound = estimate.low if by_low else estimate.high
    said = f"{question.what} is {show(estimate.estimate, question.unit)}"
    if outcome == "inconclusive" or bound is None:
        said += _undecided(question, estimate, limit, confidence, needed)
    else:
        said += f", {'at least' if by_low else 'at most'} {show(bound, question.unit)} {_level(confidence)}"
        said += _side(question, limit, holds=outcome == "pass", floor=floor)
    return Check(
        name=question.name,
        outcome=outcome,
        observed=estimate.estimate,
        bound=bound,
        limit=limit,
        unit=question.unit,
        because=said,
        needed=needed if outcome == "inconclusive" else None,
    )


def _exact(question: Question, observed: float, limit: float, *, holds: bool, floor: bool) -> Check:
    said = f"{question.what} is {show(observed, question.unit)}"
    return Check(
        name=question.name,
        outcome="pass" if holds else "fail",
        observed=observed,
        limit=limit,
        unit=question.unit,
        because=said + _side(question, limit, holds=holds, floor=floor),
    )


def _side(question: Question, limit: float, *, holds: bool, floor: bool) -> str:
    kind, good, bad = ("floor", "not below", "below") if floor else ("limit", "within", "over")
    return f", {good if holds else bad} the {kind} of {show(limit, question.unit)}" + (
        "" if holds else f"; {question.remedy}"
    )


def _undecided(question: Question, estimate: Estimate, limit: float, confidence: float, needed: int | None) -> str:
    unit = question.unit
    low, high = ("no bound" if end is None else show(end, unit) for end in (estimate.low, estimate.high))
    more = f"about {needed:,} {question.counted} would settle it" if needed else f"take more {question.counted}"
    if not needed and estimate.estimate == limit:
        more = f"it lies at the limit, so no number of {question.counted} would settle it"
    return f", between {low} and {high} {_level(confidence)}, too wide to hold to {show(limit, unit)}; {more}"


def _level(confidence: float) -> str:
    return f"at {PERCENT * confidence:g}% confidence"


def _rank(check: Check) -> tuple[int, float]:
    """Order checks by outcome, then by their distance to the limit as a share of it, on the side they are on.

    A check without numbers or bound comes first among those that don't pass; a pass without numbers, or at a limit of zero, comes last.
    """
    passes = check.outcome == "pass"
    value = check.observed if check.bound is None and check.outcome != "inconclusive" else check.bound
    distance = math.inf if value is None or not check.limit else abs(value - check.limit) / abs(check.limit)
    return DECIDING_ORDER.index(check.outcome), distance if passes else -distance
