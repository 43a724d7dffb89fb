"""What a sample of the log shows of the model that answered it: how requests ended, answers against labels, feedback."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.errors import StageError
from tasks.data.redaction import mask
from tasks.data.sampling.readers import FEEDBACK, SERVED
from tasks.data.sampling.text import text_of
from tasks.data.sampling.write import WEIGHT
from tasks.data.traits import traits_file
from tasks.data.weighting import design, group_columns, groups_of
from tasks.evaluation.outcomes import ABSTAINED, ANSWERED, share, tally
from tasks.evaluation.predict import Predictions, predict_all
from tasks.evaluation.scores import Scoring, check_label_types, label_cuts, score
from tasks.evidence import AnswerEvidence, FeedbackEvidence, Share, StatusEvidence
from tasks.serving.server import Server

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import pandas as pd

    from tasks.core.records import Candidate, Columns, Serving

FAILED = "exception"
OUTCOMES = {"ok": ANSWERED, ABSTAINED: ABSTAINED, "error": FAILED, "timeout": FAILED}
UNKNOWN = "unknown"  # a status that is none of these
SHOWN_CHARACTERS = 40
LAST_DAY = timedelta(days=1)
NEGATIVE = ("down", "thumbs_down", "negative", "bad", "dislike", "-1")
POSITIVE = ("up", "thumbs_up", "positive", "good", "like", "1")


def tally_statuses(sample: Path, columns: Columns, since: datetime, until: datetime) -> StatusEvidence:
    """Return how the requests of a sample of the log from `since` to `until` ended. Rows count by their weight.

    Raises StageError where the log has no statuses.
    """
    import pandas as pd

    rows = pd.read_parquet(sample)
    if columns.status not in rows or rows[columns.status].isna().all():
        raise StageError(f"no request has a value in column '{columns.status}', so none is known to have failed")
    table = pd.DataFrame(
        {
            "label": None,
            "right": False,
            "outcome": _outcomes(rows, columns),
            "weight": _weights(rows),
            **group_columns(rows, columns),
        }
    )
    last = table[(rows[columns.time] > until - LAST_DAY).to_numpy()]
    return StatusEvidence(overall=tally(table), last_day=tally(last) if until - since > LAST_DAY else None)


def score_answers(candidate: Candidate, served: Serving, sample: Path, out: Path) -> AnswerEvidence:
    """Return the scores of the logged answers, or where not every answered request has one of the kept variant's own.

    They are saved row by row in the folder `out`, as a launch saves those of its variants. Raises StageError where the
    variant does not run on its target, or no answer has the labels' type.
    """
    import pandas as pd

    rows, columns = pd.read_parquet(sample), candidate.columns
    logged = _logged(rows, columns)
    predictions = logged or predict_all(Server(served), rows[list(columns.input)])
    check_label_types(rows[columns.label], predictions.frame)
    evaluation = pd.read_parquet(candidate.resolve(candidate.data.evaluation), columns=[columns.label])
    cuts = label_cuts(candidate.task, evaluation[columns.label])
    scoring = Scoring(candidate.task, served.marking, cuts)
    traits = pd.read_parquet(traits_file(sample))
    scores = score("production", rows, columns, predictions, out, traits, scoring)
    return AnswerEvidence(origin="logged" if logged else "replayed", scores=scores)


def compare_feedback(sample: Path, launch_sample: Path, columns: Columns) -> FeedbackEvidence:
    """Return the share of negative feedback since the launch and in the launch's own sample, by weight.

    Raises StageError where either has none, or has other words for it.
    """
    import pandas as pd

    now, before = pd.read_parquet(sample), pd.read_parquet(launch_sample)
    seen, rows = _negative(now, columns, "production since the launch")
    launch, launch_rows = _negative(before, columns, "the launch's own sample")
    return FeedbackEvidence(launch=launch, launch_rows=launch_rows, now=seen, rows=rows)


def _logged(rows: pd.DataFrame, columns: Columns) -> Predictions | None:
    """Return the answers that the log holds; None where a request that was answered has none. They have no confidence."""
    import pandas as pd

    if SERVED not in rows:
        return None
    outcome, answers = _outcomes(rows, columns), rows[SERVED]
    if (answers.isna().to_numpy() & (outcome == ANSWERED)).any():
        return None
    frame = pd.DataFrame(
        {
            "prediction": answers.to_numpy(dtype=object),
            "confidence": np.nan,
            "outcome": outcome,
            "why": None,
        }
    )
    return Predictions(frame, 0.0)


def _outcomes(rows: pd.DataFrame, columns: Columns) -> np.ndarray:
    """Return how each request ended by its status, shape (rows,), in the words of scored rows."""
    statuses = rows[columns.status].to_numpy(dtype=object)
    return np.array([OUTCOMES.get(text_of(status) or "", UNKNOWN) for status in statuses], dtype=object)


def _negative(rows: pd.DataFrame, columns: Columns, what: str) -> tuple[Share, int]:
    """Return the share of negative feedback and how many requests have any."""
    import pandas as pd

    if FEEDBACK not in rows or rows[FEEDBACK].isna().all():
        raise StageError(f"no request of {what} has feedback in a column '{FEEDBACK}'")
    words = rows[FEEDBACK].map(_word).to_numpy(dtype=object)
    there = rows[FEEDBACK].notna().to_numpy()
    if unknown := sorted({word for word in words[there] if word not in (*NEGATIVE, *POSITIVE)}):
        raise StageError(
            f"the feedback of {what} says '{mask(unknown[0])[:SHOWN_CHARACTERS]}', which is neither negative ({', '.join(NEGATIVE)}) nor "
            f"positive ({', '.join(POSITIVE)}); log one of these words"
        )
    negative, weights, groups = (
        np.isin(words, NEGATIVE),
        _weights(rows),
        groups_of(pd.DataFrame(group_columns(rows, columns))),
    )
    return share(negative, weights, there, design(negative, weights, there, groups)), int(there.sum())


def _word(value: Any) -> str:
    number = isinstance(value, float) and value.is_integer()
    return str(int(value) if number else value).strip().lower()


def _weights(rows: pd.DataFrame) -> np.ndarray:
    return rows[WEIGHT].to_numpy() if WEIGHT in rows else np.ones(len(rows))
