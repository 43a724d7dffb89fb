"""How far production has moved from the evaluation set, in each thing that both show: an effect size, not a p-value.

A distance lies between 0 (alike) and 1 (nothing in common). Of categories it is the total variation distance, the share of
requests that would have to be others; of numbers it is that of Kolmogorov and Smirnov, the largest difference between the
shares that lie below some number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.core.records import Record
from tasks.data.drift_features import MISSING, NOTHING, comparable
from tasks.data.redaction import mask
from tasks.data.sampling.write import WEIGHT
from tasks.data.weighting import cluster_codes
from tasks.evidence import DriftColumn, DriftEvidence, Moved
from tasks.statistics import chance, largest_gap, total_variation

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from tasks.core.records import Columns

MOST_CATEGORIES = 30  # of the evaluation set, the commonest; the others are one
QUANTILES = (
    100  # of the evaluation set, at which shares are compared: no more than one row in a hundred lies between two
)
SHOWN, SHOWN_CHARACTERS = 3, 60
OTHERS = "others"


class Reference(Record):
    """A column as the evaluation set has it; the share of its rows in each cell.

    The cells of categories are `categories`, and the others; those of numbers lie on and between `cuts`, ascending.
    """

    column: str
    kind: Literal["categories", "numbers"]
    categories: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()
    shares: tuple[float, ...]
    rows: int


def measure_drift(
    production: Path, evaluation: Path, columns: Columns, production_traits: Path, evaluation_traits: Path
) -> DriftEvidence:
    """Return how far the rows of `production` lie from those of `evaluation`; all four are Parquet files.

    Rows that were sampled count by their weight: those of production, and those held against where they are an earlier
    sample of it. Raises StageError where a set lacks rows or a column.
    """
    import pandas as pd

    live, held = pd.read_parquet(production), pd.read_parquet(evaluation)
    traits = (pd.read_parquet(evaluation_traits), pd.read_parquet(production_traits))
    found = comparable(held, live, columns, traits)
    weights, before = (rows[WEIGHT].to_numpy() if WEIGHT in rows else None for rows in (live, held))
    clusters, alike = (
        cluster_codes(rows[columns.cluster]) if columns.cluster in rows else None for rows in (live, held)
    )
    references = {name: refer(name, both.evaluation, before, alike) for name, both in found.items()}
    return DriftEvidence(
        columns=tuple(
            compare_columns(references[name], both.production, weights, clusters) for name, both in found.items()
        )
    )


def refer(
    column: str,
    values: pd.Series[Any],
    weights: np.ndarray | None = None,
    clusters: NDArray[np.intp] | None = None,
) -> Reference:
    """Return what a column of the data set that others are held against looks like; nulls are left out.

    With `weights`, or the numbers of `clusters`, of the shape of `values`, its rows are as many as they say as a uniform
    sample.
    """
    counted = values.notna().to_numpy()
    known, own = values[counted], _unequal(weights, counted)
    rows = int(_effective(len(known), own, None if clusters is None else clusters[counted]))
    if values.dtype.kind == "f":
        finite = known[np.isfinite(known)].to_numpy()
        at = np.linspace(0, 1, QUANTILES + 1)
        cuts = np.unique(np.quantile(finite, at, method="inverted_cdf")) if finite.size else finite
        reference = Reference(column=column, kind="numbers", cuts=tuple(cuts.tolist()), shares=(), rows=rows)
    else:
        commonest = known.value_counts().sort_index().nlargest(MOST_CATEGORIES)
        found = tuple(str(value) for value in commonest.index)
        reference = Reference(column=column, kind="categories", categories=found, shares=(), rows=rows)
    return reference.model_copy(update={"shares": tuple(_shares(reference, known, own).tolist())})


def compare_columns(
    reference: Reference,
    values: pd.Series[Any],
    weights: np.ndarray | None = None,
    clusters: NDArray[np.intp] | None = None,
) -> DriftColumn:
    """Return how far `values`, shape (rows,), lie from the reference; nulls are left out, `weights` has the same shape.

    A cluster, by its number, moves the distance by no more than its share, as a row does: each counts as one.
    """
    counted = values.notna().to_numpy()
    known, own = values[counted], _unequal(weights, counted)
    effective = _effective(len(known), own, None if clusters is None else clusters[counted])
    distance, excess = 0.0, 0.0
    moved: tuple[Moved, ...] = ()
    if reference.rows and len(known):
        a, b = np.array(reference.shares), _shares(reference, known, own)
        if reference.kind == "numbers":
            distance, at = largest_gap(a, b)
            moved = _moved_numbers(reference, a, b, at)
        else:
            distance, excess = total_variation(a, b), chance(a, b, reference.rows, effective)
            moved = _moved_categories(reference, a, b, known)
    return DriftColumn(
        column=reference.column,
        kind=reference.kind,
        distance=min(distance, 1.0),
        excess=excess,
        evaluation_rows=reference.rows,
        production_rows=len(known),
        production_effective_rows=effective,
        moved=moved,
    )


def _unequal(weights: np.ndarray | None, counted: np.ndarray) -> np.ndarray | None:
    """Return the weights of the rows that are counted; None where all rows weigh alike."""
    return None if weights is None or np.unique(weights).size == 1 else weights[counted]


def _effective(rows: int, weights: np.ndarray | None, clusters: NDArray[np.intp] | None) -> float:
    """Return how many rows of a uniform sample these are worth; each cluster, by its number, as much as a row of its weight."""
    masses = np.ones(rows) if weights is None else weights
    if clusters is not None:
        masses = np.bincount(clusters, masses)
    return float(masses.sum() ** 2 / max(np.square(masses).sum(), np.finfo(float).tiny))


def _shares(reference: Reference, known: pd.Series[Any], weights: np.ndarray | None) -> np.ndarray:
    """Return the share of `known` in each cell of the reference."""
    if reference.kind == "numbers":
        cuts, numbers = np.array([NOTHING, *reference.cuts]), known.to_numpy(dtype=np.float64)
        # 2i below the cut i, and 2i + 1 on it
        cells = np.searchsorted(cuts, numbers, "left") + np.searchsorted(cuts, numbers, "right")
        count = 2 * len(cuts) + 1
    else:
        place = {value: cell for cell, value in enumerate(reference.categories)}
        cells = known.map(lambda value: place.get(str(value), len(place))).to_numpy(dtype=np.int64)
        count = len(place) + 1
    totals = np.bincount(cells, weights, minlength=count).astype(np.float64)
    return np.asarray(totals / max(totals.sum(), np.finfo(float).tiny))


def _moved_numbers(reference: Reference, a: np.ndarray, b: np.ndarray, at: int) -> tuple[Moved, ...]:
    """Return the cut at which the shares of lower numbers differ most, and what lies above all of the reference's."""
    cut, on = divmod(at, 2)
    if np.array_equal(a, b):
        return ()
    if cut == 0:
        value = MISSING
    elif cut <= len(reference.cuts):
        value = f"{'at most' if on else 'under'} {_number(reference.cuts[cut - 1])}"
    else:
        return ()
    moved = [Moved(value=value, evaluation_share=_share(a[: at + 1].sum()), production_share=_share(b[: at + 1].sum()))]
    if b[-1] > 0:
        over = f"over {_number(reference.cuts[-1])}" if reference.cuts else "any number"
        moved.append(Moved(value=over, evaluation_share=_share(a[-1]), production_share=_share(b[-1])))
    return tuple(moved)


def _moved_categories(reference: Reference, a: np.ndarray, b: np.ndarray, known: pd.Series[Any]) -> tuple[Moved, ...]:
    others = known[~known.isin(reference.categories)].value_counts()
    last = OTHERS if others.empty else f"{OTHERS}, such as {others.index[0]}"
    names = [mask(name)[:SHOWN_CHARACTERS] for name in (*reference.categories, last)]
    furthest = sorted(range(len(names)), key=lambda cell: -abs(a[cell] - b[cell]))[:SHOWN]
    return tuple(
        Moved(value=names[cell], evaluation_share=_share(a[cell]), production_share=_share(b[cell]))
        for cell in furthest
        if a[cell] != b[cell]
    )


def _share(value: float) -> float:
    return float(min(max(value, 0.0), 1.0))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004  of four digits
