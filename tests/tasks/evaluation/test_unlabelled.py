"""Accuracy where labels are late: what confidence says of it, how labels correct that, and what can't be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.evaluation.unlabelled import estimate_without_labels

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 3000


def answers(path: Path, rows: int, seed: int, labelled: float, too_sure: float = 1.0) -> tuple[Path, float]:
    """Write answers of which each is right as often as its confidence says (its log odds times `too_sure`), some labelled.

    Returns the file and the share that is right of all of them, labelled or not.
    """
    random = np.random.default_rng(seed)
    odds = random.normal(1.5, 1, rows)
    right = random.random(rows) < 1 / (1 + np.exp(-odds))
    known = random.random(rows) < labelled
    frame = pd.DataFrame(
        {
            "confidence": 1 / (1 + np.exp(-too_sure * odds)),
            "outcome": "answered",
            "label": np.where(known, "x", None),
            "right": right & known,
            "weight": 1.0,
        }
    )
    frame.to_parquet(path)
    return path, float(right.mean())


@pytest.mark.parametrize("labelled", [0.0, 0.3])
def test_the_accuracy_of_all_requests_is_estimated(tmp_path: Path, labelled: float) -> None:
    """A confidence that is three times too sure is mended by the calibration set, with labels in production or without."""
    fitted, _ = answers(tmp_path / "fitted.parquet", 600, 1, 1.0, too_sure=3)
    production, truth = answers(tmp_path / "production.parquet", ROWS, 2, labelled, too_sure=3)
    found = estimate_without_labels(production, fitted)
    assert (found.rows, found.corrected) == (ROWS, labelled > 0)
    assert found.deviation < 0.03
    assert abs(found.accuracy - truth) < 3 * found.deviation


def test_labels_correct_a_confidence_that_production_makes_wrong(tmp_path: Path) -> None:
    """Where the calibration set knows nothing of how sure production's answers sound, the labelled ones tell."""
    fitted, _ = answers(tmp_path / "fitted.parquet", 600, 1, 1.0)
    production, truth = answers(tmp_path / "production.parquet", ROWS, 2, 0.4, too_sure=4)
    alone, _ = answers(tmp_path / "alone.parquet", ROWS, 2, 0.0, too_sure=4)
    assert abs(estimate_without_labels(production, fitted).accuracy - truth) < 0.02
    assert estimate_without_labels(alone, fitted).accuracy - truth > 0.05


def test_requests_without_an_answer_are_not_right(tmp_path: Path) -> None:
    """An abstention counts among all requests, and has no confidence to go by."""
    fitted, _ = answers(tmp_path / "fitted.parquet", 600, 1, 1.0)
    production, truth = answers(tmp_path / "production.parquet", ROWS, 2, 0.0)
    table = pd.read_parquet(production)
    table.loc[::2, ["outcome", "confidence"]] = ["abstained", np.nan]
    table.to_parquet(production)
    assert estimate_without_labels(production, fitted).accuracy == pytest.approx(truth / 2, abs=0.03)


def test_too_few_fitted_rows_say_nothing(tmp_path: Path) -> None:
    """Neither a calibration set without labels nor one of fifty rows."""
    production, _ = answers(tmp_path / "production.parquet", 100, 2, 0.0)
    with pytest.raises(StageError, match="the calibration set has no labelled answers"):
        estimate_without_labels(production, tmp_path / "none.parquet")
    few, _ = answers(tmp_path / "few.parquet", 50, 1, 1.0)
    with pytest.raises(StageError, match="50 rows of the calibration set have a label and an answer; it takes 100"):
        estimate_without_labels(production, few)
