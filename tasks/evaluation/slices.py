"""Slices of the requests: by each column, by two columns at once, and the weak one that a search on half of them finds.

The search fits a shallow tree to whether an answer was right, on half of the labelled rows (chosen by a hash of their
ids), and takes the leaf with the most errors. Its accuracy is then counted on the other half, which the search has not
seen, so its interval is as good as that of a slice that somebody declared. (Data splitting: Cox, "A note on data-splitting
for the evaluation of significance levels", Biometrika 62, 1975.)
"""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.data.column_types import as_floats

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

SLICE_PREFIX = "slice_"
TRAIT_PREFIX = "trait_"
MISSING = "(missing)"
MOST_LABELS = 50
FEWEST_CROSSED = 50  # labelled rows; a smaller cell says nothing
DEPTH = 3
LEAF_SHARE = 0.05  # of the labelled rows
FEWEST_SEARCHED = 200  # labelled rows of a half
SEED = 0


class Part(NamedTuple):
    """The rows where the columns have these values, as a mask of shape (rows,)."""

    column: str
    value: str
    mask: np.ndarray


def declared(table: pd.DataFrame) -> list[Part]:
    """Return a part for each value of each declared slice column, missing values included."""
    return list(_parts(table, SLICE_PREFIX))


def derived(table: pd.DataFrame) -> list[Part]:
    """Return a part for each value of each trait."""
    return list(_parts(table, TRAIT_PREFIX))


def labels(table: pd.DataFrame, cuts: tuple[float, ...] = ()) -> list[Part]:
    """Return a part for each label, none where they are too many to be classes; numbers are parted at `cuts`."""
    if cuts:
        given = table["label"].notna().to_numpy()
        codes = np.searchsorted(cuts, as_floats(table["label"]))
        names = [f"up to {cuts[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(cuts)), f"over {cuts[-1]:g}"]
        parts = [Part("label", name, given & (codes == code)) for code, name in enumerate(names)]
        return [part for part in parts if part.mask.any()]
    known = sorted(table["label"].dropna().unique())
    if len(known) > MOST_LABELS:
        return []
    return [Part("label", str(value), (table["label"] == value).to_numpy()) for value in known]


def crossed(table: pd.DataFrame) -> Iterator[Part]:
    """Yield a part for each pair of values of two columns that enough labelled rows share, and fewer than either value."""
    labelled = table["label"].notna().to_numpy()
    single = [*declared(table), *derived(table)]
    for one, other in combinations(single, 2):
        if one.column == other.column:
            continue
        mask = one.mask & other.mask
        rows = int(mask.sum())
        if (mask & labelled).sum() >= FEWEST_CROSSED and rows < min(one.mask.sum(), other.mask.sum()):
            yield Part(f"{one.column} and {other.column}", f"{one.value}, {other.value}", mask)


class Found(NamedTuple):
    """A part that a search found: its rule in words, and its rows among those that the search did not see."""

    rule: str
    unseen: np.ndarray


def weakest(table: pd.DataFrame) -> Found | None:
    """Return the part of the rows with the most errors; None where there are too few labels, errors or columns."""
    columns = [name for name in map(str, table.columns) if name.startswith((SLICE_PREFIX, TRAIT_PREFIX))]
    labelled = table["label"].notna().to_numpy()
    searched = labelled & _half(table["id"])
    unseen = labelled & ~searched
    wrong = ~table["right"].to_numpy()
    if not columns or min(searched.sum(), unseen.sum()) < FEWEST_SEARCHED or not 0 < wrong[searched].mean() < 1:
        return None
    from sklearn.tree import DecisionTreeClassifier

    features, names = _features(table[columns])
    least = max(int(LEAF_SHARE * searched.sum()), 1)
    tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=least, random_state=SEED)
    weights = table["weight"].to_numpy()
    tree.fit(features[searched], wrong[searched], sample_weight=weights[searched])
    leaves = tree.apply(features)
    rates = {
        leaf: np.average(wrong[searched & (leaves == leaf)], weights=weights[searched & (leaves == leaf)])
        for leaf in np.unique(leaves[searched])
    }
    if len(rates) == 1:
        return None
    worst = max(sorted(rates), key=lambda leaf: rates[leaf])
    return Found(_rule(tree.tree_, names, worst), unseen & (leaves == worst))


def _parts(table: pd.DataFrame, prefix: str) -> Iterator[Part]:
    for name in (name for name in map(str, table.columns) if name.startswith(prefix)):
        values = table[name].fillna(MISSING)
        for value in sorted(values.unique()):
            yield Part(name.removeprefix(prefix), str(value), (values == value).to_numpy())


def _half(ids: pd.Series[str]) -> np.ndarray:
    from pandas.util import hash_array

    return (hash_array(ids.fillna("").to_numpy(dtype=object)) & np.uint64(1)).astype(bool)


def _features(columns: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Return a column of zeros and ones for each value of each column, and the names of what they tell."""
    features, names = [], []
    for name in map(str, columns.columns):
        values = columns[name].fillna(MISSING)
        counts = values.value_counts()
        for value in sorted(counts[counts >= FEWEST_CROSSED].index):
            features.append((values == value).to_numpy())
            names.append(f"{name.removeprefix(SLICE_PREFIX).removeprefix(TRAIT_PREFIX)}={value}")
    return np.column_stack(features) if features else np.zeros((len(columns), 1)), names or ["nothing"]


def _rule(tree: object, names: list[str], leaf: int) -> str:
    """Return the conditions on the way from the root to a leaf, the plain ones first."""
    left, right, feature = tree.children_left, tree.children_right, tree.feature  # type: ignore[attr-defined]
    parents = {
        int(child): (node, holds)
        for holds, side in ((False, left), (True, right))
        for node, child in enumerate(side)
        if child >= 0
    }
    conditions = []
    node = int(leaf)
    while node in parents:
        node, holds = parents[node]
        conditions.append(
            (not holds, names[feature[node]] if holds else names[feature[node]].replace("=", " is not ", 1))
        )
    return " and ".join(text for _, text in sorted(conditions, key=lambda each: each[0]))
