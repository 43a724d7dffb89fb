"""The gate of the distance from the evaluation set to production: which slices make it up, and how much is another mix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.gate_evidence import variant
from support.gate_limits import check, judge
from support.mean_errors import mean_error, with_errors
from support.score_evidence import evaluation, scores, tally

from tasks.evidence import Slice

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult


def gap(offline: tuple[int, int], live: tuple[int, int], *slices: Slice) -> GateResult:
    """Return the verdict on (correct, labelled) of the evaluation set and of production."""
    sets = {
        "evaluation": scores("evaluation", tally(offline[1], offline[0])),
        "production": scores("production", tally(live[1], live[0]), *slices),
    }
    return judge("production-gap", variant(evaluation=evaluation(**sets)))


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


@pytest.mark.parametrize(("live", "outcome"), [(11, "pass"), (12.4, "inconclusive"), (15, "fail")])
def test_a_rise_of_the_error_is_held_by_both_bounds(live: float, outcome: str) -> None:
    """It may rise by two and a half from ten."""
    result = judge("production-gap", with_errors(mean_error(10), mean_error(live)), max_error_gap=2.5)
    assert check(result, "error gap").outcome == outcome
