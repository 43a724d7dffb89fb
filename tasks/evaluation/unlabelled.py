"""An estimate of accuracy where labels are late: what the confidence says, as far as it can be believed. No gate passes on it.

Requests without a label count with the probability that their answer is right, as a map that was fitted on the calibration
set says; requests with one count as they are, and by how much the map is wrong on these it is corrected on the others.
(The difference estimator: Särndal, Swensson and Wretman, Model Assisted Survey Sampling (1992), 6.3; with a model's
answers for the variable: Angelopoulos et al., Prediction-powered inference, Science 382 (2023) 669.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import StageError
from tasks.evaluation.outcomes import ANSWERED
from tasks.evaluation.reliability import at_temperature, fit_temperature
from tasks.evidence import LabelFree

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

RESAMPLES = 100
FEWEST_FITTED = 100  # fewer leave a temperature open by a third
FEWEST_CORRECTING = 30  # labelled requests; fewer would correct by noise
SEED = 0


def estimate_without_labels(answers: Path, calibration: Path) -> LabelFree:
    """Return the accuracy that is to be expected of all requests, from the saved answers to both sets.

    Raises StageError where too few rows of the calibration set have a label and an answer to fit anything to.
    """
    import pandas as pd

    if not calibration.is_file():
        raise StageError("the calibration set has no labelled answers, so nothing says what a confidence is worth")
    fitted, table = pd.read_parquet(calibration), pd.read_parquet(answers)
    fitted = fitted[(fitted["outcome"] == ANSWERED).to_numpy()]
    if len(fitted) < FEWEST_FITTED:
        raise StageError(
            f"{len(fitted)} rows of the calibration set have a label and an answer; it takes {FEWEST_FITTED}"
        )
    random = np.random.default_rng(SEED)
    whole = _estimate(fitted, table, np.ones(len(fitted)), np.ones(len(table)))
    drawn = [
        _estimate(fitted, table, random.multinomial(len(fitted), np.full(len(fitted), 1 / len(fitted))),
                  random.multinomial(len(table), np.full(len(table), 1 / len(table))))
        for _ in range(RESAMPLES)
    ]  # fmt: skip
    labelled = int(table["label"].notna().sum())
    return LabelFree(
        rows=len(table),
        labelled=labelled,
        corrected=labelled >= FEWEST_CORRECTING,
        accuracy=whole,
        deviation=float(np.std(drawn, ddof=1)),
    )


def _estimate(fitted: pd.DataFrame, table: pd.DataFrame, times: np.ndarray, counts: np.ndarray) -> float:
    """Return the estimate where row i of each set counts so many times."""
    drawn = np.repeat(np.arange(len(fitted)), times.astype(int))
    temperature = fit_temperature(fitted["confidence"].to_numpy()[drawn], fitted["right"].to_numpy()[drawn])
    answered = (table["outcome"] == ANSWERED).to_numpy()
    confidence = np.where(answered, table["confidence"].to_numpy(dtype=float), 0.5)
    chance = np.where(answered, at_temperature(confidence, temperature), 0.0)
    weights, labelled = counts * table["weight"].to_numpy(), table["label"].notna().to_numpy()
    is_right = table["right"].to_numpy().astype(float)
    known, unknown = weights[labelled].sum(), weights[~labelled & answered].sum()
    total = (weights * np.where(labelled, is_right, chance)).sum()
    if labelled.sum() >= FEWEST_CORRECTING and known > 0:
        seen = labelled & answered
        total += (
            unknown * (weights[seen] * (is_right - chance)[seen]).sum() / max(weights[seen].sum(), np.finfo(float).tiny)
        )
    return float(np.clip(total / weights.sum(), 0, 1))
