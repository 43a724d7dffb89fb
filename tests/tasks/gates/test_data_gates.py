"""The gates of the launch as a whole: sample-size, data-quality and pinned-dependencies."""

from __future__ import annotations

from typing import Any

import pytest
from support.gate_evidence import (
    ABSENT,
    coverage,
    dependencies,
    evaluation,
    expectation,
    launch,
    quality,
    sample,
    scores,
    tally,
    variant,
)
from support.gate_limits import check, judge

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


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"not_exact": ("numpy>=2",)}, "numpy>=2"),
        ({"not_locked": ("leftpad",)}, "leftpad"),
        ({"drifted": ("numpy 2.0.0 (locked: ==2.4.6)",)}, "numpy 2.0.0"),
    ],
)
def test_a_loose_or_drifted_dependency_fails_by_name(changes: dict[str, Any], name: str) -> None:
    """A range, a distribution outside the lock, and one in another version each reject."""
    result = judge("pinned-dependencies", launch(dependencies=dependencies(**changes)))
    assert (result.outcome, result.observed) == ("fail", 1)
    assert name in result.because


def test_five_names_are_shown() -> None:
    """A long list is cut, its count is not."""
    names = tuple(f"package{index}" for index in range(9))
    result = judge("pinned-dependencies", launch(dependencies=dependencies(not_exact=names)))
    assert result.observed == 9
    assert "package4, …" in result.because
    assert "package5" not in result.because


def test_no_lock_fails() -> None:
    """Without a lock nothing is pinned."""
    result = judge("pinned-dependencies", launch(dependencies=dependencies(lock_sha256=None)))
    assert (result.outcome, "locks/cpu.txt" in result.because) == ("fail", True)


def test_no_imports_seen_is_unmeasured() -> None:
    """A serving path that imports nothing was not looked at."""
    assert judge("pinned-dependencies", launch(dependencies=dependencies(imported={}))).outcome == "unmeasured"
