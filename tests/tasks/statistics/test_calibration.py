"""The bound on a calibration error holds as often as it says, where the error is zero too."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.statistics import calibration_error

DRAWS = 200


def drawn(chances: np.ndarray, confidences: np.ndarray, rows: int, seed: int) -> list[tuple[float, float, float]]:
    """Return estimate and bounds of samples with `rows` answers a bin that are right with these chances."""
    random = np.random.default_rng(seed)
    masses = np.full(len(chances), 1 / len(chances))
    found = []
    for _ in range(DRAWS):
        right = random.binomial(rows, chances)
        smooth = (right + 1) / (rows + 2)
        bounds = calibration_error(right / rows - confidences, smooth * (1 - smooth) / rows, masses, 0.95)
        found.append((bounds.estimate, bounds.low, bounds.high))
    return found


@pytest.mark.parametrize("rows", [40, 240])
@pytest.mark.parametrize("gap", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("shape", ["all", "unsure", "sure"])
def test_bounds_hold_at_their_confidence(rows: int, gap: float, shape: str) -> None:
    """Whether the gap is everywhere, among unsure or among sure answers: each end holds at least 92 times in 100."""
    confidences = np.linspace(0.52, 0.98, 15)
    where = {"all": np.ones(15), "unsure": confidences < 0.6, "sure": confidences > 0.9}[shape]
    chances = confidences - gap * where
    truth = float(np.sqrt(np.mean((chances - confidences) ** 2)))
    found = drawn(chances, confidences, rows, seed=7)
    slack = 3 * (0.08 * 0.92 / DRAWS) ** 0.5
    assert np.mean([high < truth for _, _, high in found]) <= 0.08 + slack
    assert np.mean([low > truth for _, low, _ in found]) <= 0.08 + slack


def test_chance_alone_is_no_error() -> None:
    """Where confidence is exact, the estimate is near zero at any number of rows, and the bound falls with the rows."""
    exact = np.linspace(0.52, 0.98, 15)
    few, many = (drawn(exact, exact, rows, seed=1) for rows in (40, 1000))
    assert np.mean([estimate for estimate, _, _ in few]) < 0.03
    assert np.mean([high for _, _, high in many]) < np.mean([high for _, _, high in few]) / 3


def test_answers_that_are_all_right_leave_doubt() -> None:
    """Fifty right answers of fifty don't show that a confidence of 1 holds."""
    rate = 51 / 52
    assert calibration_error([0.0], [rate * (1 - rate) / 50], [1.0], 0.95).high > 0.02


def test_a_large_error_over_many_rows_is_bounded_closely() -> None:
    """A million rows that are wrong by half of their confidence give bounds on both sides, close by."""
    found = calibration_error([-0.5], [0.25 / 1_000_000], [1.0], 0.95)
    assert found.low < found.estimate < found.high
    assert found.high - found.low == pytest.approx(0, abs=0.002)


def test_nothing_to_bound_is_an_error() -> None:
    """Absence is not a number."""
    with pytest.raises(ValueError, match="needs a bin"):
        calibration_error([], [], [], 0.95)
    with pytest.raises(ValueError, match="variance above 0"):
        calibration_error([0.1], [0.0], [1.0], 0.95)
