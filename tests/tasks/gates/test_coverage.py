"""The coverage gate: the share of requests that get an answer, overall and by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import variant
from support.gate_limits import judge
from support.score_evidence import evaluation, scores, tally

from tasks.evidence import Share, Slice

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def answered(overall: tuple[int, int], *slices: tuple[str, int, int]) -> GateResult:
    """Return the verdict on (rows, answered) of all requests and on (value, rows, answered) of slices."""

    def of(rows: int, some: int) -> Any:
        return tally(rows, 0).model_copy(update={"answered": Share(events=some, trials=rows)})

    parts = tuple(Slice(column="source", value=v, label_share=0.1, tally=of(n, some)) for v, n, some in slices)
    production = scores("production", of(*overall), *parts)
    return judge("coverage", variant(evaluation=evaluation(production=production)))


@pytest.mark.parametrize(("some", "outcome"), [(2_990, "pass"), (2_855, "inconclusive"), (2_700, "fail")])
def test_answers_to_all_requests_are_held_to_their_floor(some: int, outcome: str) -> None:
    """95% of 3,000 requests, by the bound."""
    assert answered((3_000, some)).outcome == outcome


def test_a_slice_that_gets_no_answers_fails() -> None:
    """Abstaining on one group of users alone is still abstaining; a slice of few rows is not judged."""
    assert answered((3_000, 2_950), ("app", 400, 330)).outcome == "fail"
    assert answered((3_000, 2_950), ("app", 100, 50)).outcome == "pass"
