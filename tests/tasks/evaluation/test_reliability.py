"""Confidence against being right: bins, a temperature, an isotonic map, and risk against coverage."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.evaluation.reliability import (
    MOST_BINS,
    ROWS_PER_BIN,
    at_temperature,
    fit_isotonic,
    fit_temperature,
    reliability,
    risk_coverage,
)
from tasks.statistics import calibration_error

ROWS = 4_000


def answers(temperature: float, rows: int = ROWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return confidence, right and weights of a model whose confidence is honest once divided by the temperature."""
    random = np.random.default_rng(seed)
    confidence = 0.5 + 0.5 * random.beta(1.5, 1.5, rows)
    right = random.random(rows) < at_temperature(confidence, temperature)
    return confidence, right, np.ones(rows)


def error(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray) -> float:
    """Return the estimate of the calibration error."""
    return calibration_error(*reliability(confidence, right, weights).gaps, 0.95).estimate


def test_bins_hold_all_answers_in_order_of_confidence() -> None:
    """Rows and masses add up, bins are about as large, and their means are those of their rows."""
    confidence, right, weights = answers(1)
    seen = reliability(confidence, right, weights)
    assert seen.rows == sum(each.rows for each in seen.bins) == ROWS
    assert sum(each.mass for each in seen.bins) == pytest.approx(1)
    assert len(seen.bins) == MOST_BINS
    assert max(each.rows for each in seen.bins) - min(each.rows for each in seen.bins) <= 2
    assert [each.confidence for each in seen.bins] == sorted(each.confidence for each in seen.bins)
    assert sum(each.right.events for each in seen.bins) == right.sum()
    assert seen.brier == pytest.approx(np.mean((confidence - right) ** 2))


def test_equal_confidences_share_a_bin() -> None:
    """A model with three levels of confidence has three bins, and one that is always sure has one."""
    levels = np.repeat([0.6, 0.8, 1.0], 400)
    assert [each.rows for each in reliability(levels, levels > 0.7, np.ones(1200)).bins] == [400, 400, 400]
    assert len(reliability(np.ones(500), np.ones(500, dtype=bool), np.ones(500)).bins) == 1


def test_few_rows_make_few_bins() -> None:
    """No bin is so small that its share says nothing."""
    confidence, right, weights = answers(1, rows=2 * ROWS_PER_BIN + 5)
    assert len(reliability(confidence, right, weights).bins) == 2


def test_weights_count_as_so_many_rows() -> None:
    """A row of weight 3 moves means as three rows do, and gives its bin fewer effective trials than rows."""
    confidence, right, _ = answers(1, rows=400)
    weights = np.where(np.arange(400) % 4 == 0, 3.0, 1.0)
    thrice = np.repeat(np.arange(400), weights.astype(int))
    one, other = reliability(confidence, right, weights), reliability(confidence[thrice], right[thrice], np.ones(600))
    assert one.brier == pytest.approx(other.brier)
    assert all(each.right.trials < each.rows for each in one.bins)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_is_found_again(temperature: float) -> None:
    """A confidence that is off by a temperature is mended by the one that is fitted."""
    confidence, right, weights = answers(temperature, rows=20_000)
    found = fit_temperature(confidence, right)
    assert found == pytest.approx(temperature, rel=0.08)
    assert error(at_temperature(confidence, found), right, weights) < 0.02


def test_a_temperature_mends_loud_logits_and_not_noise() -> None:
    """Three times the logits are three times too hot; a confidence that knows nothing stays wrong at any temperature."""
    confidence, right, weights = answers(1)
    loud = at_temperature(confidence, 1 / 3)
    assert fit_temperature(loud, right) == pytest.approx(3, rel=0.15)
    assert error(loud, right, weights) > 0.1
    noise = np.random.default_rng(1).permutation(loud)
    cooled = at_temperature(noise, fit_temperature(noise, right))
    assert error(cooled, right, weights) > 0.05


def test_a_confidence_of_one_has_a_temperature() -> None:
    """What is always certain and right four times in five becomes a confidence of 80%."""
    right = np.arange(1000) % 5 != 0
    cooled = at_temperature(np.ones(1000), fit_temperature(np.ones(1000), right))
    assert cooled == pytest.approx(0.8, abs=0.01)


def test_an_isotonic_map_rises_and_mends_what_no_temperature_does() -> None:
    """A confidence that is right in the middle alone is mapped to what is right."""
    confidence = answers(1)[0]
    right = np.random.default_rng(2).random(ROWS) < np.where(confidence > 0.75, 0.8, 0.6)
    mapped = fit_isotonic(confidence, right)(confidence)
    assert (np.diff(mapped[np.argsort(confidence)]) >= 0).all()
    assert error(mapped, right, np.ones(ROWS)) < error(confidence, right, np.ones(ROWS))


def test_risk_falls_with_coverage_where_confidence_tells() -> None:
    """The whole coverage has the whole error, and the most confident answers have less."""
    confidence, right, weights = answers(1)
    curve = dict(risk_coverage(confidence, right, weights))
    assert curve[1.0] == pytest.approx(1 - right.mean())
    assert curve[0.2] < curve[0.5] < curve[1.0]


def test_equal_confidences_have_the_same_risk_everywhere() -> None:
    """The order of rows that can't be told apart moves nothing."""
    right = np.arange(1000) >= 200
    assert {round(risk, 9) for _, risk in risk_coverage(np.full(1000, 0.9), right, np.ones(1000))} == {0.2}
