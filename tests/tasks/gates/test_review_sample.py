"""The gate review-sample: enough to read, of every kind there is, and readable."""

from __future__ import annotations

import pytest
from support.data_evidence import review
from support.gate_evidence import launch
from support.gate_limits import check, judge

from tasks.evidence import ReviewKind


def test_fewer_than_asked_fail() -> None:
    """49 of 4,000 are too few, by number and as a share."""
    assert judge("review-sample", launch(review=review(rows=50, readable_rows=50))).outcome == "pass"
    result = judge("review-sample", launch(review=review(rows=49, readable_rows=49)))
    assert (result.outcome, check(result, "requests to read").limit) == ("fail", 50)
    large = judge("review-sample", launch(review=review(sample_rows=8000)))
    assert (large.outcome, check(large, "share").observed) == ("fail", 70 / 8000)


def test_a_short_log_is_read_whole() -> None:
    """Of 30 requests all 30 are enough; that they are few is for another gate to say."""
    kinds = (ReviewKind(kind="random", of="", eligible=30, picked=12),)
    short = {"sample_rows": 30, "kinds": kinds}
    assert judge("review-sample", launch(review=review(rows=30, readable_rows=30, **short))).outcome == "pass"
    assert judge("review-sample", launch(review=review(rows=29, readable_rows=29, **short))).outcome == "fail"


def test_what_masking_leaves_nothing_of_cannot_be_read() -> None:
    """Requests that are there and say nothing are no requests to read."""
    result = judge("review-sample", launch(review=review(readable_rows=20)))
    assert (result.outcome, result.observed) == ("fail", 20)
    assert "raw_text" in result.because


def test_an_empty_sample_fails() -> None:
    """Nothing drawn from nothing is not a sample that was read whole."""
    result = judge("review-sample", launch(review=review(sample_rows=0, rows=0, readable_rows=0, kinds=())))
    assert result.outcome == "fail"


@pytest.mark.parametrize(
    ("eligible", "picked", "outcome"), [(90, 9, "fail"), (3, 3, "pass"), (3, 2, "fail"), (0, 0, "pass")]
)
def test_each_kind_is_there_as_far_as_there_is_any(eligible: int, picked: int, outcome: str) -> None:
    """Two confident errors can't give ten, and a model without any asks for none."""
    error = ReviewKind(kind="confident error", of="fp32", eligible=eligible, picked=picked)
    kinds = tuple(error if kind.kind == error.kind else kind for kind in review().kinds)
    assert judge("review-sample", launch(review=review(kinds=kinds))).outcome == outcome


def test_a_slice_of_which_nothing_is_read_is_named() -> None:
    """A column of too many values, and a slice that was passed over, both fail."""
    pages = ReviewKind(kind="slice", of="page (412 values)", eligible=4000, picked=0)
    result = judge("review-sample", launch(review=review(kinds=(*review().kinds, pages))))
    assert (result.outcome, result.observed, result.limit) == ("fail", 2, 3)
    assert "page (412 values)" in result.because
    assert "declare columns with fewer values" in result.because


def test_without_random_requests_it_is_unmeasured() -> None:
    """What was picked for a reason stands for nothing but that reason."""
    kinds = tuple(kind for kind in review().kinds if kind.kind != "random")
    assert judge("review-sample", launch(review=review(kinds=kinds))).outcome == "unmeasured"


def test_raw_texts_are_told() -> None:
    """Whoever reads the decision knows what the report holds."""
    assert "personal data" in judge("review-sample", launch(review=review(masked=False))).because
