"""The live champion's answers to a candidate's production sample, in a process with the packages that it needs.

Runs alone too: `python -m tasks.evaluation.champion REQUEST.json [RESPONSE.json]`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import ModelError, StageError
from tasks.core.records import Columns, Record, Serving, Task
from tasks.core.run_folder import VariantFolder
from tasks.core.worker import answer_request, run_worker
from tasks.evaluation.predict import predict_all
from tasks.evaluation.scores import Scoring, score
from tasks.serving.server import Server

if TYPE_CHECKING:
    from tasks.core.records import Candidate


class ChampionRequest(Record):
    """Whom to ask which rows, and how its answers are scored: by the columns and the task of the candidate."""

    serving: Serving
    production: Path
    columns: Columns
    task: Task
    out: Path


class ChampionResponse(Record):
    """Where the scored answers are."""

    answers: Path


def answer_as_champion(served: Serving, production: Path, asking: Candidate, timeout_seconds: float, out: Path) -> Path:
    """Return the file of the live champion's own predictions on the production sample of the candidate that is `asking`.

    Raises StageError where the champion does not run here, or reads columns that the sample lacks.
    """
    request = ChampionRequest(serving=served, production=production, columns=asking.columns, task=asking.task, out=out)
    try:
        return run_worker(
            "tasks.evaluation.champion", request, ChampionResponse, timeout_seconds, served.packages
        ).answers
    except ModelError as error:
        raise StageError(str(error)) from error  # it says nothing of the candidate


def answer_sample(request: ChampionRequest) -> ChampionResponse:
    """Answer the production sample and score the answers; the body of the child."""
    import pandas as pd

    rows = pd.read_parquet(request.production)
    inputs = list(request.serving.input_columns)
    missing = [name for name in inputs if name not in rows]
    if missing:
        raise StageError(f"the champion reads the column {', '.join(missing)}, which this sample does not have")
    predictions = predict_all(Server(request.serving), rows[inputs])
    scoring = Scoring(request.task, request.serving.marking)
    score("production", rows, request.columns, predictions, request.out, scoring=scoring)
    return ChampionResponse(answers=VariantFolder(request.out).answers("production"))


if __name__ == "__main__":
    answer_request(ChampionRequest, answer_sample)
