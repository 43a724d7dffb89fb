"""The gate of perturbed inputs: no crash, no hang, no NaN, and answers that stay where the meaning does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.score_evidence import perturbed, robustness

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import Perturbed

HARMLESS = (perturbed("typo in a word", flips=4), perturbed("other case", flips=0))


def verdict(*kinds: Perturbed, **changes: Any) -> GateResult:
    """Return the verdict on perturbed rows, at most 1% of which may crash and 10% flip."""
    return judge("robustness", variant(robustness=robustness(*kinds, **changes)))


def test_one_kind_that_always_crashes_fails_among_many_that_do_not() -> None:
    """Eight empty texts of a thousand inputs are under one in a hundred, and all of them crash."""
    result = verdict(*HARMLESS, perturbed("markup", 600), perturbed("empty", 8, column="text", crashes=8, example="''"))
    assert (result.outcome, result.observed) == ("fail", 1.0)
    assert "inputs with empty (text)" in result.because
    assert "for example ''" in result.because


def test_malformed_answers_are_crashes() -> None:
    """A confidence of 7 is of no use to anybody."""
    assert verdict(*HARMLESS, perturbed("empty", 32, malformed=32, example="x")).outcome == "fail"


def test_a_rare_crash_is_held_by_the_bound() -> None:
    """One in 400 can't be told from one in a hundred; one in 2,000 can."""
    assert verdict(perturbed("markup", 400, crashes=1)).outcome == "inconclusive"
    assert verdict(perturbed("markup", 2000, crashes=1)).outcome == "pass"


def test_what_a_strict_interface_refuses_is_not_held_against_a_model() -> None:
    """An exception at text for a number is a refusal, and of infinity may come a NaN; of what traffic holds, never."""
    refused = perturbed("text for a number", 32, crashes=32, traffic=False)
    assert verdict(*HARMLESS, refused).outcome == "pass"
    assert verdict(*HARMLESS, perturbed("infinity", 32, non_finite=1, traffic=False, example="inf")).outcome == "pass"
    assert verdict(*HARMLESS, perturbed("far out of range", 32, non_finite=1, example="1e30")).outcome == "fail"


@pytest.mark.parametrize("traffic", [True, False])
def test_a_process_that_ended_fails(traffic: bool) -> None:
    """Whoever sent the input: one request must not take the service away from all."""
    result = verdict(*HARMLESS, perturbed("far too long", 4, traffic=traffic, stopped="it was ended by SIGKILL"))
    assert (result.outcome, "SIGKILL" in result.because) == ("fail", True)


def test_kinds_that_were_not_reached_are_unmeasured() -> None:
    """What was not tried can't pass."""
    result = verdict(*HARMLESS, not_reached=("markup", "far too long"))
    assert result.outcome == "unmeasured"
    assert "2 kinds of input were not tried" in result.because


@pytest.mark.parametrize(("flips", "outcome"), [(10, "pass"), (16, "inconclusive"), (40, "fail")])
def test_flips_are_held_by_the_bound(flips: int, outcome: str) -> None:
    """One in ten of 200."""
    assert verdict(perturbed("typo in a word", flips=flips), perturbed("empty", 200)).outcome == outcome


def test_a_kind_that_fits_few_rows_can_only_fail() -> None:
    """A log with five rows in Latin letters is not held up by typos."""
    base = perturbed("zero-width space", 200, flips=0)
    assert verdict(base, perturbed("markup", 200), perturbed("typo in a word", 5, flips=1)).outcome == "pass"
    assert verdict(base, perturbed("markup", 200), perturbed("typo in a word", 5, flips=5)).outcome == "fail"


def test_few_rows_of_every_kind_are_unmeasured() -> None:
    """Ten rows say nothing of one in ten."""
    result = verdict(perturbed("typo in a word", 10, flips=0), perturbed("empty", 400))
    assert (result.outcome, check(result, "flips").outcome) == ("unmeasured", "unmeasured")


def test_inputs_without_a_harmless_change_pass_by_their_crashes() -> None:
    """The verdict says that no flips were judged."""
    result = verdict(perturbed("missing", 400), perturbed("unknown value", 32, mean_confidence=0.7))
    assert (result.outcome, "no flips were judged" in result.because) == ("pass", True)
    assert "mean confidence on garbage: unknown value 70%" in result.because


def test_nothing_but_refused_inputs_is_unmeasured() -> None:
    """It says nothing of real traffic."""
    assert verdict(perturbed("infinity", 32, traffic=False)).outcome == "unmeasured"
