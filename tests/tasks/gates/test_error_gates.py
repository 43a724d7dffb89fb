"""Limits on mean errors and on the shapes of generated answers: held by bounds where a policy sets them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from support.gate_evidence import ABSENT, evaluation, paired, scores, shift, tally, turns, variant
from support.gate_limits import judge

from tasks.evidence import AnswerShapes, MeanError, Share, VariantEvidence
from tasks.statistics import resample_ratio


def error(mean: float, days: int = 40, unit: Literal["units", "share of tokens"] = "units") -> MeanError:
    """Return a mean error whose days differ by a tenth of it."""
    values = mean * (1 + 0.1 * np.random.default_rng(0).standard_normal(days))
    found = resample_ratio(values - values.mean() + mean, np.ones(days), np.ones(days), {"days": np.arange(days)})
    return MeanError.model_validate({"rows": 100 * days, "unit": unit, **found._asdict()})


def answered(offline: MeanError | None, live: MeanError | None, rise: MeanError | None = None) -> VariantEvidence:
    """Return a variant with these errors, and everything else well."""
    pair = paired(10, 10).model_copy(update={"error_rise": rise})
    found = evaluation(
        evaluation=scores("evaluation", tally(1500, 1200), error=offline),
        production=scores("production", tally(3000, 2400, rows=4000), error=live),
        against_reference=pair,
        against_champion=pair,
    )
    return variant("int8", evaluation=found, champion_latency=turns(1))


def named(result: Any, name: str) -> Any:
    """Return one check of a result."""
    return next(check for check in result.checks if check.name == name)


@pytest.mark.parametrize(("mean", "outcome"), [(10, "pass"), (11.9, "inconclusive"), (14, "fail")])
def test_a_mean_error_is_held_by_its_bound(mean: float, outcome: str) -> None:
    """Twelve minutes are allowed: 10 are within, 14 are over, and 11.9 would take more days to tell."""
    check = named(judge("production-accuracy", answered(error(10), error(mean)), max_error=12), "error")
    assert check.outcome == outcome
    assert (check.needed is not None) == (outcome == "inconclusive")
    assert ("days would settle it" in check.because) == (outcome == "inconclusive")


def test_an_error_that_is_asked_for_and_not_there_passes_nothing() -> None:
    """Classes have no error, and a few days bound none."""
    assert named(judge("production-accuracy", answered(None, None), max_error=12), "error").outcome == "unmeasured"
    few = judge("production-accuracy", answered(error(10), error(10, days=4)), max_error=12)
    assert "4 days are too few" in named(few, "error").because
    assert few.outcome == "unmeasured"
    assert judge("production-gap", answered(None, error(10)), max_error_gap=1).outcome == "unmeasured"


@pytest.mark.parametrize(("live", "outcome"), [(11, "pass"), (12.4, "inconclusive"), (15, "fail")])
def test_a_rise_of_the_error_is_held_by_both_bounds(live: float, outcome: str) -> None:
    """It may rise by two and a half from ten."""
    result = judge("production-gap", answered(error(10), error(live)), max_error_gap=2.5)
    assert named(result, "error gap").outcome == outcome


@pytest.mark.parametrize("gate", ["quantization-loss", "champion-regression"])
@pytest.mark.parametrize(("rise", "outcome"), [(0.1, "pass"), (2, "fail")])
def test_a_rise_against_another_model_is_held_row_by_row(gate: str, rise: float, outcome: str) -> None:
    """Half a unit more is allowed against fp32, and against the champion."""
    result = judge(gate, answered(error(10), error(10), error(rise)), error_margin=0.5)
    assert named(result, "error").outcome == outcome


def test_errors_of_tokens_read_as_shares() -> None:
    """A tenth of the tokens is 10%."""
    tokens = error(0.1, unit="share of tokens")
    assert "is 10%" in named(judge("production-accuracy", answered(tokens, tokens), max_error=0.2), "error").because


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
