"""The gate of the sample: enough requests and labels, and labels that stand for all requests."""

from __future__ import annotations

import pytest
from support.data_evidence import sample
from support.gate_evidence import launch, variant
from support.gate_limits import check, judge
from support.score_evidence import coverage, evaluation, scores, tally

from tasks.evidence import Evidence, LabelCoverage


def covered(low: tuple[int, int], high: tuple[int, int]) -> Evidence:
    """Return a launch whose labels cover the less and the more confident half as given."""
    production = scores("production", tally(3000, 2400), label_coverage=coverage(low, high))
    return launch(variants=(variant(evaluation=evaluation(production=production)),))


def test_a_log_of_200_rows_is_too_small() -> None:
    """Fewer requests than the minimum fail, and the sentence says how many there were."""
    result = judge("sample-size", launch(sample=sample(rows=200, labelled_rows=150)))
    assert result.outcome == "fail"
    assert check(result, "requests").because.startswith("The number of production requests is 200 requests, below")


def test_exactly_the_minimum_is_enough() -> None:
    """A count against a minimum has no interval."""
    result = judge("sample-size", launch(sample=sample(rows=1000, labelled_rows=600)))
    assert (result.outcome, check(result, "requests").bound) == ("pass", None)


def test_too_few_labels_fail() -> None:
    """Requests without labels can't carry an accuracy."""
    assert judge("sample-size", launch(sample=sample(labelled_rows=599))).outcome == "fail"


@pytest.mark.parametrize(("low", "high"), [((2000, 100), (2000, 1900)), ((2000, 1900), (2000, 100))])
def test_labels_for_one_half_only_fail(low: tuple[int, int], high: tuple[int, int]) -> None:
    """Labels only for confident answers, or only for unsure ones, make the measured accuracy that of those answers."""
    result = judge("sample-size", covered(low, high))
    assert result.outcome == "fail"
    assert result.observed == pytest.approx(0.9)
    assert result.bound is not None
    assert 0.8 < result.bound < 0.9
    assert "label a random sample" in result.because


def test_label_shares_that_seem_equal_in_a_small_sample_are_inconclusive() -> None:
    """An observed difference within the limit is not enough where its bound is over it, in either direction."""
    for halves in (((80, 60), (80, 62)), ((80, 62), (80, 60))):
        result = judge("sample-size", covered(*halves))
        assert result.outcome == "inconclusive"
        assert result.observed is not None
        assert result.observed < 0.1
        assert (check(result, "labels by confidence").needed or 0) > 160


@pytest.mark.parametrize("groups", [(), coverage((0, 0), (0, 0)), (LabelCoverage(group="all", rows=9, labelled=9),)])
def test_confidences_that_make_no_halves_are_unmeasured(groups: tuple[LabelCoverage, ...]) -> None:
    """Without two halves to compare, nothing can be said of the labels."""
    production = scores("production", tally(3000, 2400), label_coverage=groups)
    whole = launch(variants=(variant(evaluation=evaluation(production=production)),))
    assert judge("sample-size", whole).outcome == "unmeasured"


def test_a_launch_without_the_reference_is_unmeasured() -> None:
    """The confidence is the reference's; without it the coverage of labels is not known."""
    result = judge("sample-size", launch(variants=(variant("int8"),)))
    assert result.outcome == "unmeasured"
    assert "fp32" in result.because


def test_a_small_sample_fails_even_where_nothing_else_was_measured() -> None:
    """What is known to be wrong outweighs what is not known."""
    whole = launch(sample=sample(rows=200, labelled_rows=100), variants=())
    assert judge("sample-size", whole).outcome == "fail"
