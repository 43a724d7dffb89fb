"""How confidence goes with being right: reliability in bins, a temperature, an isotonic map, and risk against coverage.

Arguments are arrays of shape (rows,): confidence in [0, 1], whether the answer is right, and the row's weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.data.weighting import INDEPENDENT, Groups, design
from tasks.evaluation.outcomes import share
from tasks.evidence import Bin, Reliability

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BINS = 15
ROWS_PER_BIN = 40  # at least: the share that is right is then near to normal
SMALLEST_DOUBT = 1e-7  # what single precision can tell from 1; a confidence of exactly 1 has no logit
HOTTEST = 1e3
CURVE_POINTS = 50


def reliability(
    confidence: np.ndarray, right: np.ndarray, weights: np.ndarray, groups: Groups = INDEPENDENT
) -> Reliability:
    """Return confidence against being right in bins of about as many rows each; equal confidences share a bin."""
    bins = int(np.clip(len(confidence) // ROWS_PER_BIN, 1, MOST_BINS))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    place = np.searchsorted(edges, confidence, side="left")
    masks = [place == number for number in np.unique(place)]
    return Reliability(
        rows=len(confidence),
        brier=float(np.average(np.square(confidence - right), weights=weights)),
        bins=tuple(
            Bin(
                rows=int(mask.sum()),
                mass=float(weights[mask].sum() / weights.sum()),
                confidence=float(np.average(confidence[mask], weights=weights[mask])),
                right=share(right, weights, mask, design(right - confidence, weights, mask, groups)),
            )
            for mask in masks
        ),
    )


def fit_temperature(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the temperature under which the answers are likeliest to be right as often as they are.

    Maximum likelihood of one parameter, between 1/1,000 and 1,000. Source: Guo et al., On calibration of modern neural
    networks (ICML 2017), for the logit of the confidence alone, since only that is known of any model.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit

    signed = np.where(right, 1, -1) * _logit(confidence)

    def surprise(log_temperature: float) -> float:
        return -float(log_expit(signed / np.exp(log_temperature)).mean())

    limit = float(np.log(HOTTEST))
    found = minimize_scalar(surprise, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def at_temperature(confidence: np.ndarray, temperature: float) -> np.ndarray:
    """Return the confidence with its logit divided by the temperature."""
    from scipy.special import expit

    cooled: np.ndarray = expit(_logit(confidence) / temperature)
    return cooled


def fit_isotonic(confidence: np.ndarray, right: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the rising map of the confidence that is closest to being right (Zadrozny and Elkan, KDD 2002)."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(confidence, right.astype(float))
    return lambda given: np.asarray(fitted.predict(given), dtype=np.float64)


def risk_coverage(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Return (share of the answers kept, share of these that are wrong), keeping the most confident ones first.

    Answers of one confidence are kept in no order: their errors are spread evenly over them.
    Source: El-Yaniv and Wiener, On the foundations of noise-free selective classification, JMLR 11 (2010) 1605.
    """
    _, group = np.unique(-confidence, return_inverse=True)
    kept = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights))])
    wrong = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights * ~right))])
    at = np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS
    errors = np.interp(at * kept[-1], kept, wrong) / kept[-1]
    return tuple((float(share_kept), float(error / share_kept)) for share_kept, error in zip(at, errors, strict=True))


def _logit(confidence: np.ndarray) -> np.ndarray:
    from scipy.special import logit

    found: np.ndarray = logit(np.clip(confidence.astype(np.float64), SMALLEST_DOUBT, 1 - SMALLEST_DOUBT))
    return found
