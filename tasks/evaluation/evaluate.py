"""A variant's scores on the evaluation set and on production, and against fp32 and the champion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import StageError
from tasks.core.run_folder import VariantFolder
from tasks.data.traits import traits_file
from tasks.evaluation.generated import answer_shapes
from tasks.evaluation.predict import predict_all
from tasks.evaluation.scores import (
    NOT_DESCRIBED,
    Scoring,
    check_label_types,
    label_cuts,
    pair,
    score,
)
from tasks.evidence import EvaluationEvidence, FirstLaunch, Unmeasured
from tasks.serving.server import Server

if TYPE_CHECKING:
    from tasks.core.records import Candidate, Serving
    from tasks.data.datasets import DataSets


def evaluate_variant(
    candidate: Candidate,
    served: Serving,
    sets: DataSets,
    out: Path,
    reference: Path,
    champion: Path | FirstLaunch | Unmeasured,
) -> EvaluationEvidence:
    """Return a variant's scores on both sets, and its answers against fp32's and the live champion's.

    `reference` and `champion` are the files of production predictions that `score` saved; the reference may be the one
    that this call writes. Raises StageError where the variant does not run on the target or no label has its type.
    """
    import pandas as pd

    server, label = Server(served), candidate.columns.label
    cuts = label_cuts(candidate.task, pd.read_parquet(sets.evaluation, columns=[label])[label])
    scoring = Scoring(candidate.task, served.marking, cuts)
    scores = {}
    for dataset, path in (("evaluation", sets.evaluation), ("production", sets.production)):
        rows = pd.read_parquet(path)
        if rows.empty:
            raise StageError(f"the {dataset} set has no rows; nothing can be said of the model")
        predictions = predict_all(server, rows[list(candidate.columns.input)])
        check_label_types(rows[label], predictions.frame)
        described = traits_file(path)
        traits = pd.read_parquet(described) if described.is_file() else NOT_DESCRIBED
        scores[dataset] = score(dataset, rows, candidate.columns, predictions, out, traits, scoring)  # type: ignore[arg-type]
    folder = VariantFolder(out)
    own = folder.answers("production")
    return EvaluationEvidence(
        evaluation=scores["evaluation"],
        production=scores["production"],
        against_reference=pair("fp32", reference, own, scoring),
        against_champion=pair("champion", champion, own, scoring) if isinstance(champion, Path) else champion,
        shapes=answer_shapes(folder.answers("evaluation"), own) if candidate.task == "generation" else None,
    )
