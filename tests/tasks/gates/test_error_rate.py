"""The gate of errors among requests: exceptions, malformed answers and numbers that are not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.score_evidence import evaluation, scores, tally

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def errors(rows: int = 4000, **changes: Any) -> GateResult:
    """Return the verdict on errors among `rows` production requests and 1,500 of the evaluation set."""
    production = scores("production", tally(rows, rows), **changes)
    return judge("error-rate", variant(evaluation=evaluation(production=production)))


def test_one_nan_in_300_fails_by_count() -> None:
    """A NaN is never a matter of rate, and an example of one is quoted."""
    result = errors(non_finite=13, error_examples=("r7: non_finite: output is NaN",))
    assert (result.outcome, result.limit) == ("fail", 0)
    assert "r7: non_finite" in result.because


def test_a_single_nan_fails_where_the_rate_alone_would_pass() -> None:
    """The count of non-finite answers is exact."""
    result = errors(20_000, non_finite=1)
    assert result.outcome == "fail"
    assert check(result, "errors").outcome == "pass"


def test_exceptions_and_malformed_answers_count_together() -> None:
    """Every kind of error is in the rate."""
    result = errors(exceptions=20, malformed=20)
    assert result.outcome == "fail"
    assert check(result, "errors").observed == pytest.approx(40 / 5500)


def test_no_error_in_a_small_sample_is_inconclusive() -> None:
    """No error in 2,000 requests may be 0.15%; 2,995 would show 0.1%."""
    result = errors(500)
    assert (result.outcome, result.observed) == ("inconclusive", 0)
    assert check(result, "errors").needed == 2995


def test_a_set_without_requests_is_unmeasured() -> None:
    """Errors of production can't be told from the evaluation set."""
    assert errors(0).outcome == "unmeasured"
