"""The gate of data quality: expectations that are broken, and rows that can't be read."""

from __future__ import annotations

from typing import Any

import pytest
from support.data_evidence import expectation, quality, sample
from support.gate_evidence import ABSENT, launch
from support.gate_limits import check, judge


def test_a_broken_critical_expectation_fails() -> None:
    """Nulls in the input column reject, and the sentence says what was found."""
    broken = quality("production", expectation(), expectation(because="9% of text is null; fill it", success=False))
    result = judge("data-quality", launch(production_quality=broken))
    assert result.outcome == "fail"
    assert (result.observed, result.limit) == (1, 0)
    assert "9% of text is null; fill it" in result.because


@pytest.mark.parametrize(("allowed", "outcome"), [(0.01, "fail"), (0.03, "pass")])
def test_rows_that_may_break_an_expectation_are_held_to_the_policy_of_today(allowed: float, outcome: str) -> None:
    """Recorded counts are judged again, whether the suite that found them passed or failed then."""
    for success in (True, False):
        found = expectation(success=success).model_copy(
            update={"limit": "max_faulty_rate", "unexpected_rows": 20, "checked_rows": 1000}
        )
        whole = launch(production_quality=quality("production", found))
        assert judge("data-quality", whole, max_faulty_rate=allowed).outcome == outcome


def test_an_expectation_that_looked_at_nothing_is_not_excused_by_a_limit() -> None:
    """No row checked is no share."""
    broken = expectation(success=False).model_copy(update={"limit": "max_faulty_rate", "checked_rows": 0})
    assert judge("data-quality", launch(production_quality=quality("production", broken))).outcome == "fail"


def test_many_broken_expectations_are_cut_short() -> None:
    """The sentence names three and counts the others."""
    results = [expectation(because=f"fault {index}", success=False) for index in range(6)]
    result = judge("data-quality", launch(evaluation_quality=quality("evaluation", *results)))
    assert "fault 2 and 3 more" in result.because
    assert "fault 3" not in result.because


def test_a_broken_warning_is_named_and_passes() -> None:
    """A warning does not reject, and is not hidden."""
    warned = quality("production", expectation(), expectation("warning", "4% of requests repeat", success=False))
    result = judge("data-quality", launch(production_quality=warned))
    assert result.outcome == "pass"
    assert result.because.endswith("warnings: 4% of requests repeat")


@pytest.mark.parametrize(
    "changes",
    [{"rows": 0}, {"evaluated_expectations": 0}, {"results": ()}, {"results": (expectation("warning"),)}],
)
@pytest.mark.parametrize("dataset", ["production", "evaluation"])
def test_a_suite_that_could_not_fail_fails(dataset: Any, changes: dict[str, Any]) -> None:
    """No rows, nothing evaluated, or nothing critical: a success then means nothing."""
    whole = launch(**{f"{dataset}_quality": quality(dataset, **changes)})
    result = judge("data-quality", whole)
    assert (result.outcome, result.observed) == ("fail", None)
    assert f"The {dataset} data can't be trusted" in result.because


def test_one_suite_that_did_not_run_is_unmeasured() -> None:
    """Half of the data checked is not all of it."""
    assert judge("data-quality", launch(evaluation_quality=ABSENT)).outcome == "unmeasured"


def test_a_log_full_of_malformed_rows_fails() -> None:
    """A rate of malformed rows over the limit fails and quotes one."""
    result = judge("data-quality", launch(sample=sample(malformed_rows=400)))
    assert result.outcome == "fail"
    assert "day 3, line 7" in result.because


def test_a_short_log_can_not_show_a_low_malformed_rate() -> None:
    """No malformed row among 100 still allows 3%: the bound decides, and 299 rows would do."""
    result = judge("data-quality", launch(sample=sample(log_rows=100, malformed_rows=0)))
    assert (result.outcome, result.observed) == ("inconclusive", 0)
    assert check(result, "malformed rows").needed == 299
