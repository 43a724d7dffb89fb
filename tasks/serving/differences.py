"""Two answers to the same rows held against each other: decisions that flip, and how far the numbers are apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.data.column_types import as_floats
from tasks.evidence import Difference

if TYPE_CHECKING:
    import pandas as pd

    from tasks.serving.server import Answers


def flips(one: pd.Series, other: pd.Series, same: float = 0.0) -> np.ndarray:
    """Return, for each row, whether the two predictions differ, numbers by more than `same`; two missing ones do not."""
    missing_first, missing_second = one.isna().to_numpy(), other.isna().to_numpy()
    different: np.ndarray
    if same:
        different = ~(np.abs(as_floats(one) - as_floats(other)) <= same)
    else:
        pairs = zip(one.to_numpy(dtype=object), other.to_numpy(dtype=object), strict=True)
        different = np.fromiter((a != b for a, b in pairs), dtype=bool, count=len(one))
    found: np.ndarray = np.where(missing_first | missing_second, missing_first != missing_second, different)
    return found


def compare_answers(case: str, baseline: Answers, candidate: Answers, same: float = 0.0) -> Difference:
    """Return how `candidate` differs from `baseline` on the same rows in the same order; see `flips` for `same`.

    A value that is finite in one and not in the other is an error, since no distance can be given.
    """
    rows = len(baseline.frame)
    confidence = np.abs(baseline.frame["confidence"].to_numpy() - candidate.frame["confidence"].to_numpy())
    pairs = [_pair(baseline.outputs[name], candidate.outputs.get(name)) for name in baseline.outputs]
    shared = [pair for pair in pairs if pair is not None]
    if not shared:
        shared = [(baseline.frame["confidence"].to_numpy(), candidate.frame["confidence"].to_numpy())]
    broken = sum(int((np.isfinite(a) != np.isfinite(b)).sum()) for a, b in shared)
    finite = confidence[np.isfinite(confidence)]
    return Difference(
        case=case,
        rows=rows,
        flips=int(flips(baseline.frame["prediction"], candidate.frame["prediction"], same).sum()),
        max_abs=float(finite.max()) if finite.size else None,
        p99_abs=float(np.quantile(finite, 0.99)) if finite.size else None,
        max_relative=max(_relative(a, b) for a, b in _measured(shared)),
        bitwise=all(a.tobytes() == b.tobytes() for a, b in shared),
        error=f"{broken} values are finite in one run and not in the other" if broken else None,
    )


def _pair(one: np.ndarray, other: np.ndarray | None) -> tuple[np.ndarray, np.ndarray] | None:
    if other is None or one.shape != other.shape or one.dtype.kind not in "fiub" or one.size == 0:
        return None
    return one, other


def _measured(pairs: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the outputs whose distance says something: floats where there are any, since whole numbers may be codes."""
    return [pair for pair in pairs if pair[0].dtype.kind == "f"] or pairs


def _relative(one: np.ndarray, other: np.ndarray) -> float:
    """Largest absolute difference over finite values, as a share of the baseline's root mean square."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    both = np.isfinite(first) & np.isfinite(second)
    if not both.any():
        return 0.0
    largest = float(np.abs(first[both] - second[both]).max())
    scale = float(np.sqrt(np.mean(first[both] ** 2)))
    return largest / scale if scale else largest
