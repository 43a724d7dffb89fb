"""The gate of being right in production: accuracy against its floor, and the mean error against its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.mean_errors import mean_error, with_errors
from support.score_evidence import evaluation, scores, tally

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def accuracy(correct: int, labelled: int) -> GateResult:
    """Return the verdict on production accuracy."""
    production = scores("production", tally(labelled, correct, rows=labelled + 100))
    return judge("production-accuracy", variant(evaluation=evaluation(production=production)))


def test_a_model_of_the_evaluation_set_alone_fails_on_production() -> None:
    """A coin on production is below the floor, whatever it was before."""
    result = accuracy(1560, 3000)
    assert (result.outcome, result.observed) == ("fail", 0.52)
    assert (result.bound or 1) < 0.7
    assert "train on data that looks like production" in result.because


def test_accuracy_above_the_floor_with_its_bound_below_is_inconclusive() -> None:
    """The lower bound decides, and the rows that would settle it are said."""
    result = accuracy(142, 200)
    assert result.outcome == "inconclusive"
    assert (result.bound or 1) < 0.7 < (result.observed or 0)
    assert (check(result, "accuracy").needed or 0) > 1000


def test_accuracy_below_the_floor_with_its_bound_above_is_inconclusive() -> None:
    """A small sample does not fail a model either; more rows of the same would."""
    result = accuracy(138, 200)
    assert result.outcome == "inconclusive"
    assert (check(result, "accuracy").needed or 0) > 1000


def test_the_rows_asked_for_settle_it() -> None:
    """A sample of the asked size at the same accuracy passes, and one of nine tenths of it does not."""
    needed = check(accuracy(290, 400), "accuracy").needed or 0
    assert needed > 400
    assert accuracy(round(needed * 0.725) + 1, needed).outcome == "pass"
    assert accuracy(round(needed * 0.9 * 0.725), round(needed * 0.9)).outcome == "inconclusive"


def test_no_label_is_unmeasured() -> None:
    """Accuracy over no label is not zero, and not one."""
    assert accuracy(0, 0).outcome == "unmeasured"


@pytest.mark.parametrize(("mean", "outcome"), [(10, "pass"), (11.9, "inconclusive"), (14, "fail")])
def test_a_mean_error_is_held_by_its_bound(mean: float, outcome: str) -> None:
    """Twelve minutes are allowed: 10 are within, 14 are over, and 11.9 would take more days to tell."""
    found = check(judge("production-accuracy", with_errors(mean_error(10), mean_error(mean)), max_error=12), "error")
    assert found.outcome == outcome
    assert (found.needed is not None) == (outcome == "inconclusive")
    assert ("days would settle it" in found.because) == (outcome == "inconclusive")


def test_an_error_that_is_asked_for_and_not_there_passes_nothing() -> None:
    """Classes have no error, and a few days bound none."""
    assert check(judge("production-accuracy", with_errors(None, None), max_error=12), "error").outcome == "unmeasured"
    few = judge("production-accuracy", with_errors(mean_error(10), mean_error(10, days=4)), max_error=12)
    assert "4 days are too few" in check(few, "error").because
    assert few.outcome == "unmeasured"
    assert judge("production-gap", with_errors(None, mean_error(10)), max_error_gap=1).outcome == "unmeasured"


def test_errors_of_tokens_read_as_shares() -> None:
    """A tenth of the tokens is 10%."""
    tokens = mean_error(0.1, unit="share of tokens")
    assert "is 10%" in check(judge("production-accuracy", with_errors(tokens, tokens), max_error=0.2), "error").because
