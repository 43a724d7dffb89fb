"""What the shape of generated answers tells without a reader: loops, answers cut short or drawn out, lengths that moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.data.drift import compare_columns, refer
from tasks.data.weighting import design, groups_of
from tasks.evaluation.error_metrics import tokens
from tasks.evaluation.outcomes import ANSWERED, share
from tasks.evidence import AnswerShapes, Share, Unmeasured

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

LONGEST_LOOP = 4  # tokens
FEWEST_TURNS = 4
SHORT, LONG = 0.8, 1.25  # of the label's tokens: a fifth is missing, a quarter is too much
LENGTH = "answer length"


def answer_shapes(evaluation: Path, production: Path) -> AnswerShapes | Unmeasured:
    """Return the shapes of the saved answers to production, their lengths against those on the evaluation set."""
    import pandas as pd

    curated, live = (pd.read_parquet(path) for path in (evaluation, production))
    curated, live = (table[(table["outcome"] == ANSWERED).to_numpy()] for table in (curated, live))
    if curated.empty or live.empty:
        return Unmeasured(stage="shapes", why="the evaluation set or the production sample has no answer")
    said = [tokens(text) for text in live["prediction"]]
    labelled = live["label"].notna().to_numpy()
    wanted = [tokens(text) if known else [] for text, known in zip(live["label"], labelled, strict=True)]
    lengths, due = (np.array([len(each) for each in sequences], dtype=float) for sequences in (said, wanted))
    weights, everywhere, groups = live["weight"].to_numpy(), np.ones(len(live), dtype=bool), groups_of(live)

    def shown(events: np.ndarray, trials: np.ndarray) -> Share:
        return share(events, weights, trials, design(events, weights, trials, groups))

    loops = np.array(
        [loop(one) is not None and loop(one) != loop(other) for one, other in zip(said, wanted, strict=True)]
    )
    return AnswerShapes(
        answered=len(live),
        labelled=int(labelled.sum()),
        repeated=shown(loops, everywhere),
        shortened=shown(lengths < SHORT * due, labelled),
        lengthened=shown(lengths > LONG * due, labelled),
        lengths=compare_columns(refer(LENGTH, _lengths(curated)), _lengths(live), weights, groups.clusters),
    )


def loop(sequence: list[str]) -> tuple[str, ...] | None:
    """Return the tokens that a sequence ends in repeating, the shortest such run; None where it does not."""
    for size in range(1, LONGEST_LOOP + 1):
        run = sequence[-size:]
        if len(sequence) >= size * FEWEST_TURNS and sequence[-size * FEWEST_TURNS :] == run * FEWEST_TURNS:
            return tuple(run)
    return None


def _lengths(table: pd.DataFrame) -> pd.Series:
    return table["prediction"].map(lambda text: float(len(tokens(text)))).astype("float64")
