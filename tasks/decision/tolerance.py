"""When an answer that is a number counts as right: within what the policy allows, in the unit of the labels at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import InputError
from tasks.core.records import Candidate, Marking
from tasks.data.column_types import as_floats

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.decision.policy import Policy

QUARTILES_PER_DEVIATION = 1.349  # of a normal distribution: how far apart its quartiles lie


def marking_of(candidate: Candidate, policy: Policy, evaluation: Path) -> Marking:
    """Return how answers are marked; `evaluation` is the evaluation set as Parquet, whose labels set the scale.

    The spread of the labels is told from their quartiles, which a few wild ones do not move. Raises InputError for a
    regression that the policy gives no tolerance, or whose labels are no numbers or all alike.
    """
    import pandas as pd

    if candidate.task != "regression":
        return Marking()
    asked = policy.numbers
    if asked is None:
        raise InputError(
            f"{candidate.name} predicts numbers, and the policy {policy.name} does not say how near to its label one is "
            "right; set numbers: {tolerance: …, same_share: …} in it, in the label's unit"
        )
    if asked.tolerance is not None:
        return Marking(tolerance=asked.tolerance, same=asked.same_share * asked.tolerance)
    column = candidate.columns.label
    known = as_floats(pd.read_parquet(evaluation, columns=[column])[column])
    known = known[np.isfinite(known)]
    low, high = np.quantile(known, [0.25, 0.75]) if known.size else (0.0, 0.0)
    spread = float(high - low) / QUARTILES_PER_DEVIATION or (float(known.std()) if known.size else 0.0)
    if not spread > 0:
        raise InputError(
            f"the labels of {candidate.data.evaluation} are no numbers that differ, so nothing says how near to one an "
            "answer is right; mend the column "
            f"{column}, or name another policy, with numbers: {{tolerance: …}}"
        )
    tolerance = (asked.tolerance_in_deviations or 0.0) * spread
    return Marking(tolerance=tolerance, same=asked.same_share * tolerance)
