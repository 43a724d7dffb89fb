"""The gates of being right: errors, production accuracy and gap, quantization loss, champion regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.gate_evidence import ABSENT, evaluation, paired, paired_slice, scores, tally, turns, variant
from support.gate_limits import check, judge

from tasks.evidence import Paired, Slice

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def errors(rows: int = 4000, **changes: Any) -> GateResult:
    """Return the verdict on errors among `rows` production requests and 1,500 of the evaluation set."""
    production = scores("production", tally(rows, rows), **changes)
    return judge("error-rate", variant(evaluation=evaluation(production=production)))


def accuracy(correct: int, labelled: int) -> GateResult:
    """Return the verdict on production accuracy."""
    production = scores("production", tally(labelled, correct, rows=labelled + 100))
    return judge("production-accuracy", variant(evaluation=evaluation(production=production)))


def gap(offline: tuple[int, int], live: tuple[int, int], *slices: Slice) -> GateResult:
    """Return the verdict on (correct, labelled) of the evaluation set and of production."""
    sets = {
        "evaluation": scores("evaluation", tally(offline[1], offline[0])),
        "production": scores("production", tally(live[1], live[0]), *slices),
    }
    return judge("production-gap", variant(evaluation=evaluation(**sets)))


def quantized(found: Paired, name: str = "int8") -> GateResult:
    """Return the verdict on a variant against fp32."""
    return judge("quantization-loss", variant(name, evaluation=evaluation(against_reference=found)))


def regression(found: Any, **changes: Any) -> GateResult:
    """Return the verdict on a variant against the champion."""
    return judge(
        "champion-regression",
        variant(evaluation=evaluation(against_champion=found), champion_latency=turns(1)),
        **changes,
    )


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


def test_the_gap_from_87_to_63_fails_and_names_its_slices() -> None:
    """The slices that make up the loss are named, the largest first, with the points that each adds."""
    tweets = Slice(column="source", value="tweets", label_share=2 / 3, tally=tally(1200, 516))
    reviews = Slice(column="source", value="reviews", label_share=1 / 3, tally=tally(600, 498))
    empty = Slice(column="source", value="new", label_share=0, tally=tally(0, 0))
    result = gap((870, 1000), (1134, 1800), reviews, tweets, empty)
    assert (result.outcome, result.limit) == ("fail", 0.08)
    assert result.observed == pytest.approx(0.24)
    assert "from evaluation (87%) to production (63%)" in result.because
    assert result.because.endswith("made up by source=tweets (29.3%), source=reviews (1.33%)")


def test_contributions_of_a_column_add_up_to_the_gap() -> None:
    """A slice's contribution is its share of rows times its distance, so that 12 points come from a slice that lost 24."""
    parts = (
        Slice(column="source", value="good", label_share=0.5, tally=tally(1500, 1200)),
        Slice(column="source", value="bad", label_share=0.5, tally=tally(1500, 840)),
    )
    result = gap((800, 1000), (2040, 3000), *parts)
    assert result.observed == pytest.approx(0.12)
    assert result.because.endswith("made up by source=bad (12%)")


def test_another_mix_of_labels_is_told_apart() -> None:
    """Good is easy and bad is hard: where production has more of the bad, 8 of 16 points are the mix's."""
    offline = scores("evaluation", tally(1000, 780), labels=(label("good", 0.6, 900), label("bad", 0.4, 600)))
    live = scores("production", tally(2000, 1240), labels=(label("good", 0.4, 800), label("bad", 0.6, 500)))
    found = variant(evaluation=evaluation(evaluation=offline, production=live))
    mix = 0.2 * (0.9 + 0.8) / 2 - 0.2 * (0.6 + 0.5) / 2
    assert f"another mix of labels accounts for {100 * mix:.3g}% of it" in judge("production-gap", found).because
    other = live.model_copy(update={"labels": live.labels[:1]})
    found = variant(evaluation=evaluation(evaluation=offline, production=other))
    assert "mix of labels" not in judge("production-gap", found).because


def label(value: str, share: float, right_of_1000: int) -> Slice:
    """Return the requests of one label, 1,000 of them."""
    return Slice(column="label", value=value, label_share=share, tally=tally(1000, right_of_1000))


def test_a_small_gap_in_small_sets_is_inconclusive() -> None:
    """Five points over 150 and 200 rows may be twelve."""
    result = gap((120, 150), (150, 200))
    assert result.outcome == "inconclusive"
    assert (result.observed or 1) < 0.08 < (result.bound or 0)
    assert (check(result, "gap").needed or 0) > 200


def test_production_better_than_evaluation_passes() -> None:
    """A negative gap is no loss."""
    result = gap((700, 1000), (2400, 3000))
    assert (result.outcome, (result.observed or 0) < 0) == ("pass", True)


@pytest.mark.parametrize(("offline", "live"), [((0, 0), (2400, 3000)), ((800, 1000), (0, 0))])
def test_a_gap_without_labels_on_one_side_is_unmeasured(offline: tuple[int, int], live: tuple[int, int]) -> None:
    """A gap needs two ends."""
    result = gap(offline, live)
    assert (result.outcome, "evaluation" in result.because) == ("unmeasured", offline == (0, 0))


def test_a_variant_that_lost_five_points_fails() -> None:
    """The loss is positive, and its lower bound is what fails it."""
    result = quantized(paired(30, 180))
    assert (result.outcome, result.observed, result.unit) == ("fail", 0.05, "accuracy")
    assert 0.01 < (result.bound or 0) < 0.05


def test_equal_points_on_few_rows_are_inconclusive() -> None:
    """Ten wins and ten losses among 400 rows can't show that no point is lost."""
    result = quantized(paired(10, 10, 400))
    assert (result.outcome, result.observed) == ("inconclusive", 0)
    assert 2500 < (check(result, "overall").needed or 0) < 4000


def test_no_decision_changed_on_few_rows_is_inconclusive_too() -> None:
    """Even without a discordant row, 100 rows can't show a loss under one point; a plan is still given."""
    result = quantized(paired(0, 0, 100))
    assert result.outcome == "inconclusive"
    assert (check(result, "overall").needed or 0) > 100


def test_a_variant_worse_on_one_slice_fails_though_fine_overall() -> None:
    """The slice that lost decides, by name."""
    parts = (paired_slice("tweets", 5, 75, 700), paired_slice("reviews", 60, 10, 2300))
    result = quantized(paired(65, 85, 3000, *parts))
    assert result.outcome == "fail"
    assert "source=tweets" in result.because
    assert check(result, "source=reviews").outcome == "pass"


def test_a_small_slice_is_named_and_does_not_block() -> None:
    """A slice that can't be judged is said, not hidden, and a launch with one can pass."""
    result = quantized(paired(10, 10, 3000, paired_slice("faxes", 0, 40, 60, rows=80)))
    assert result.outcome == "pass"
    assert "not judged, with under 500 labelled rows: source=faxes (60)" in result.because


def test_a_slice_that_can_not_be_told_is_inconclusive() -> None:
    """A slice large enough to be judged has to show its own margin."""
    result = quantized(paired(10, 10, 3000, paired_slice("tweets", 60, 70, 600)))
    assert (result.outcome, "source=tweets" in result.because) == ("inconclusive", True)


def test_a_slice_without_rows_is_unmeasured() -> None:
    """A slice that was asked for and is not there can't pass."""
    assert quantized(paired(10, 10, 3000, paired_slice("tweets", 0, 0, 0, rows=0))).outcome == "unmeasured"


def test_a_variant_without_labels_is_unmeasured() -> None:
    """No label, no loss to speak of."""
    assert quantized(paired(0, 0, 0)).outcome == "unmeasured"


def test_fp32_is_the_reference() -> None:
    """The reference has nothing to lose against itself, but only where it answered."""
    assert "is the reference" in quantized(paired(0, 0, 100), name="fp32").because
    nothing = paired(0, 0, 0).model_copy(update={"overall": paired(0, 0, 0).overall.model_copy(update={"rows": 0})})
    assert quantized(nothing, name="fp32").outcome == "unmeasured"


def test_a_first_launch_says_so() -> None:
    """Without a champion there is nothing to lose against; the absolute floors decide."""
    result = regression(evaluation().against_champion)
    assert result.outcome == "pass"
    assert "first launch of toy; the absolute floors decide" in result.because


def test_a_retrain_that_lost_three_points_fails() -> None:
    """Three points over 3,000 paired rows are a loss beyond one."""
    result = regression(paired(60, 150))
    assert (result.outcome, result.observed) == ("fail", 0.03)
    assert "keep the champion" in result.because


def test_a_retrain_that_may_have_lost_is_inconclusive() -> None:
    """Equal points in 300 rows with 30 changed prove nothing."""
    result = regression(paired(15, 15, 300))
    assert (result.outcome, result.observed) == ("inconclusive", 0)


def test_a_better_model_passes() -> None:
    """A gain is a loss below zero."""
    result = regression(paired(150, 60))
    assert (result.outcome, check(result, "accuracy").observed) == ("pass", -0.03)


def test_a_champion_that_can_not_be_measured_is_not_a_first_launch() -> None:
    """A champion that is there but could not answer leaves the gate unmeasured."""
    assert regression(ABSENT).outcome == "unmeasured"
    assert regression(paired(0, 0, 0)).outcome == "unmeasured"


def test_a_confidence_set_in_the_policy_is_the_one_used() -> None:
    """What passes at 95% may not pass at 99.9%."""
    assert regression(paired(40, 45)).outcome == "pass"
    assert regression(paired(40, 45), confidence=0.999).outcome == "inconclusive"
