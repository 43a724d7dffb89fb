"""Which requests have a label: accuracy is of those alone, and must not be that of the easy ones.

Labels may be missing for the requests that a model finds hard, or for one group of users. Where they are missing at random
among requests alike in confidence and group, accuracy reweighted to all requests is that of all requests, and how far the
plain one is from it says what the missing labels hide. (Post-stratification: Holt and Smith, "Post stratification", JRSS A
142, 1979; missing at random: Little and Rubin, Statistical Analysis with Missing Data, 1987.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tasks.data.weighting import groups_of
from tasks.evaluation.slices import declared
from tasks.evidence import LabelCoverage, LabelShift
from tasks.statistics import design_effect

if TYPE_CHECKING:
    import pandas as pd

LOW, HIGH = "low confidence", "high confidence"
FIFTHS = 5  # of the requests, by confidence
FEWEST_LABELS = 10  # of a cell, for its accuracy to stand for the requests in it
RESAMPLES = 1_000
SEED = 0


def label_coverage(table: pd.DataFrame) -> tuple[LabelCoverage, ...]:
    """Count labels in the less and the more confident half of the answers, and in each slice."""
    confidence, labelled = table["confidence"].to_numpy(), table["label"].notna().to_numpy()
    finite = np.flatnonzero(np.isfinite(confidence))
    ordered = finite[np.argsort(confidence[finite], kind="stable")]
    groups = {LOW: ordered[: len(ordered) // 2], HIGH: ordered[len(ordered) // 2 :]}
    groups |= {f"{part.column}={part.value}": np.flatnonzero(part.mask) for part in declared(table)}
    return tuple(
        LabelCoverage(group=name, rows=len(rows), labelled=int(labelled[rows].sum())) for name, rows in groups.items()
    )


def label_shift(table: pd.DataFrame) -> LabelShift | None:
    """Return the accuracy of the labelled requests, and the same reweighted to all of them; None without labels.

    Requests are alike where they are in the same fifth of confidence (those without one apart) and the same slices; a
    cell with few labels goes by its confidence alone. `deviation` is the bootstrap standard error of the difference, wider
    where days or clusters differ in it.
    """
    labelled = table["label"].notna().to_numpy()
    if not labelled.any():
        return None
    weights = table["weight"].to_numpy()
    cells = _cells(table, labelled)
    known = np.unique(cells[labelled])
    inside = np.isin(cells, known)  # of a cell without any label nothing is known
    codes = np.minimum(np.searchsorted(known, cells), len(known) - 1)
    right = table["right"].to_numpy() & labelled

    def difference(rows: np.ndarray) -> tuple[np.float64, np.float64]:
        """Return plain and reweighted accuracy where row i counts rows[i] times."""
        times = rows * weights
        of_labels = np.bincount(codes[labelled], times[labelled], len(known))
        of_right = np.bincount(codes[labelled], (times * right)[labelled], len(known))
        of_all = np.bincount(codes[inside], times[inside], len(known)) * (of_labels > 0)
        rates = of_right / np.where(of_labels > 0, of_labels, 1)
        return of_right.sum() / of_labels.sum(), (of_all * rates).sum() / of_all.sum()

    plain, reweighted = difference(np.ones(len(table)))
    random = np.random.default_rng(SEED)
    with np.errstate(invalid="ignore"):
        resampled = [difference(random.poisson(1.0, len(table)).astype(float)) for _ in range(RESAMPLES)]
    moved = [one - other for one, other in resampled if np.isfinite(one - other)]  # one may have drawn no label
    return LabelShift(
        labelled=int(labelled.sum()),
        cells=len(known),
        accuracy=float(plain),
        reweighted=float(reweighted),
        deviation=float(np.std(moved, ddof=1)) * math.sqrt(_design(table, codes, labelled, inside)),
    )


def _design(table: pd.DataFrame, codes: np.ndarray, labelled: np.ndarray, inside: np.ndarray) -> float:
    """Return the design effect of the difference, from how far each row moves it: the influence of plain less reweighted.

    `codes` are the numbers of the rows' cells, `labelled` and `inside` masks, all of shape (rows,).
    """
    weights, right = table["weight"].to_numpy(), table["right"].to_numpy() & labelled
    of_labels, of_right = (np.bincount(codes[labelled], (weights * each)[labelled]) for each in (1, right))
    of_all, rates = np.bincount(codes[inside], weights[inside]), of_right / of_labels
    reweighted = np.average(rates, weights=of_all)
    moved = np.where(inside, (reweighted - rates[codes]) / of_all.sum(), 0.0)
    own = (right - of_right.sum() / of_labels.sum()) / of_labels.sum()
    own -= (of_all / of_labels)[codes] / of_all.sum() * (right - rates[codes])
    moved[labelled] += own[labelled]
    return design_effect(weights * moved, weights, *groups_of(table))


def _cells(table: pd.DataFrame, labelled: np.ndarray) -> np.ndarray:
    """Return the cell of each row as a text, shape (rows,)."""
    confidence = table["confidence"].to_numpy()
    finite = np.isfinite(confidence)
    fifths = np.full(len(table), "none", dtype=object)
    if finite.any():
        edges = np.quantile(confidence[finite], np.linspace(0, 1, FIFTHS + 1)[1:-1])
        fifths[finite] = np.searchsorted(edges, confidence[finite]).astype(str)
    fine = fifths.copy()
    for part in declared(table):
        fine[part.mask] = fine[part.mask] + f"|{part.column}={part.value}"
    names, codes = np.unique(fine, return_inverse=True)
    enough = np.bincount(codes[labelled], minlength=len(names)) >= FEWEST_LABELS
    return np.where(enough[codes], fine, fifths).astype(str)
