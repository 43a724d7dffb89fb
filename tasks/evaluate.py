"""A variant's answers to every request of a data set, and the scores that count failed and abstained requests too."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.adapter import MOST_REFUSALS, AdapterError
from tasks.compare import flips
from tasks.evidence import (
    EvaluationEvidence,
    FirstLaunch,
    LabelCoverage,
    Paired,
    PairedSlice,
    PairedTally,
    Raw,
    Scores,
    Share,
    Slice,
    Tally,
    Unmeasured,
)
from tasks.files import digest
from tasks.records import Candidate, Columns, Serving, StageError
from tasks.sample.write import WEIGHT
from tasks.serving import Server, lengths

if TYPE_CHECKING:
    import pandas as pd

    from tasks.adapter import Arrays
    from tasks.datasets import DataSets
    from tasks.serving import Answers

BATCH = 32
MAX_EXAMPLES = 5
SLICE_PREFIX = "slice_"
PRODUCTION_FILE = "predictions-production.parquet"
ANSWERED = "answered"
ABSTAINED = "abstained"
BROKEN = ("exception", "non_finite", "malformed")


@dataclass(frozen=True)
class Predictions:
    """One row a request, in the data set's order: prediction, confidence, outcome and why it failed.

    `outcome` is answered, abstained (a missing prediction), exception, non_finite or malformed.
    """

    frame: pd.DataFrame
    seconds: float


def predict_all(server: Server, inputs: pd.DataFrame) -> Predictions:
    """Return an answer, or a reason why there is none, for every row of `inputs`.

    Rows are batched by length so that padding is small; a batch that raises is cut until the failing rows are found.
    Raises StageError where the first rows all fail: then all are taken to, since to show it of each could take hours.
    """
    import pandas as pd

    order = np.argsort(lengths(inputs), kind="stable")
    answers = np.empty(len(inputs), dtype=object)
    confidence = np.full(len(inputs), np.nan)
    outcome = np.full(len(inputs), ANSWERED, dtype=object)
    why = np.full(len(inputs), None, dtype=object)
    answered = refused = 0
    started = time.perf_counter()
    ordered = inputs.iloc[order]
    pending = [(start, min(start + BATCH, len(order))) for start in range(0, len(order), BATCH)]
    for place in (0, len(pending) // 2):  # begin with a middling, a long and a short batch: few faults hit all three
        pending += pending[place : place + 1]
        del pending[place : place + 1]
    while pending:
        start, stop = pending.pop()
        part = order[start:stop]
        try:
            answer = server.predict(ordered.iloc[start:stop].reset_index(drop=True))
        except AdapterError as error:
            if stop - start > 1:
                middle = (start + stop) // 2
                pending += [(start, middle), (middle, stop)]
                continue
            outcome[part], why[part] = "exception", str(error)
            refused += 1
            if refused == MOST_REFUSALS and not answered:
                raise StageError(f"none of the first {refused} rows could be answered: {error}") from error
            continue
        answered += len(part)
        answers[part] = answer.frame["prediction"].to_numpy(dtype=object)
        confidence[part] = answer.frame["confidence"].to_numpy()
        outcome[part], why[part] = _outcomes(answer)
    seconds = time.perf_counter() - started
    frame = pd.DataFrame({"prediction": answers, "confidence": confidence, "outcome": outcome, "why": why})
    return Predictions(frame, seconds)


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

    server = Server(served)
    scores = {}
    for dataset, path in (("evaluation", sets.evaluation), ("production", sets.production)):
        rows = pd.read_parquet(path)
        if rows.empty:
            raise StageError(f"the {dataset} set has no rows; nothing can be said of the model")
        predictions = predict_all(server, rows[list(candidate.columns.input)])
        check_label_types(rows[candidate.columns.label], predictions.frame)
        scores[dataset] = score(dataset, rows, candidate.columns, predictions, out)  # type: ignore[arg-type]
    own = out / PRODUCTION_FILE
    return EvaluationEvidence(
        evaluation=scores["evaluation"],
        production=scores["production"],
        against_reference=pair("fp32", reference, own),
        against_champion=pair("champion", champion, own) if isinstance(champion, Path) else champion,
    )


def score(
    dataset: Literal["evaluation", "production"],
    rows: pd.DataFrame,
    columns: Columns,
    predictions: Predictions,
    out: Path,
) -> Scores:
    """Return the scores of `predictions` over all of `rows`, and save them row by row as Parquet in the folder `out`."""
    frame = predictions.frame
    labelled = rows[columns.label].notna().to_numpy()
    is_right = right(rows[columns.label], frame)
    weights = rows[WEIGHT].to_numpy() if WEIGHT in rows else np.ones(len(rows))
    path = out / f"predictions-{dataset}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = frame.assign(
        id=rows[columns.id].to_numpy(),
        label=rows[columns.label].to_numpy(dtype=object),
        right=is_right,
        weight=weights,
    )
    for column in (name for name in columns.slices if name in rows):
        table[SLICE_PREFIX + column] = rows[column].to_numpy(dtype=object)
    for name in set(table.columns) - {"confidence", "right", "weight"}:
        table[name] = [None if _missing(value) else str(value) for value in table[name].to_numpy(dtype=object)]
    table.to_parquet(path, index=False)
    examples = [
        f"{row.id}: {row.outcome}: {row.why}" for row in table[table["why"].notna()].head(MAX_EXAMPLES).itertuples()
    ]
    counts = frame["outcome"].value_counts()
    exceptions, non_finite, malformed = (int(counts.get(kind, 0)) for kind in BROKEN)
    return Scores(
        dataset=dataset,
        overall=tally(table),
        slices=tuple(
            Slice(
                column=column,
                value=value,
                label_share=share(mask, weights, labelled).value if labelled.any() else 0.0,
                tally=tally(table[mask]),
            )
            for column, value, mask in slices(table)
        ),
        label_coverage=_label_coverage(frame, labelled),
        exceptions=exceptions,
        non_finite=non_finite,
        malformed=malformed,
        error_examples=tuple(examples),
        seconds=predictions.seconds,
        raw=Raw(path=f"{out.parent.name}/{out.name}/{path.name}", sha256=digest(path), rows=len(table)),
    )


def pair(baseline: str, base_file: Path, candidate_file: Path) -> Paired:
    """Return the candidate's saved answers against the baseline's on the same rows, overall and in each slice."""
    import pandas as pd

    base, own = pd.read_parquet(base_file), pd.read_parquet(candidate_file)
    if not base["id"].equals(own["id"]):
        raise StageError(f"{base_file} and {candidate_file} are not about the same rows, so they cannot be paired")
    labelled = own["label"].notna().to_numpy()
    base_right, own_right = base["right"].to_numpy(), own["right"].to_numpy()
    flipped = flips(base["prediction"], own["prediction"])
    weights = own["weight"].to_numpy()

    def paired(mask: np.ndarray) -> PairedTally:
        return PairedTally(
            rows=int(mask.sum()),
            flips=int(flipped[mask].sum()),
            labelled=int(labelled[mask].sum()),
            candidate_only=share(own_right & ~base_right, weights, mask & labelled),
            baseline_only=share(base_right & ~own_right, weights, mask & labelled),
        )

    return Paired(
        baseline=baseline,
        overall=paired(np.ones(len(own), dtype=bool)),
        slices=tuple(
            PairedSlice(column=column, value=value, tally=paired(mask)) for column, value, mask in slices(own)
        ),
    )


def tally(table: pd.DataFrame) -> Tally:
    """Return the counts and weighted shares of scored rows: outcome, label, right and weight."""
    labelled, is_right = table["label"].notna().to_numpy(), table["right"].to_numpy()
    outcome, weights = table["outcome"].to_numpy(), table["weight"].to_numpy()
    abstained, failed = outcome == ABSTAINED, np.isin(outcome, BROKEN)
    everywhere = np.ones(len(table), dtype=bool)
    return Tally(
        rows=len(table),
        labelled=int(labelled.sum()),
        correct=int(is_right.sum()),
        abstained=int(abstained.sum()),
        errors=int(failed.sum()),
        right=share(is_right, weights, labelled),
        answered=share(outcome == ANSWERED, weights, everywhere),
        failed=share(failed, weights, everywhere),
    )


def share(events: np.ndarray, weights: np.ndarray, trials: np.ndarray) -> Share:
    """Return the share of the rows `trials` that are `events`, by weight; arguments have shape (rows,), two are masks."""
    weights, events = weights[trials], events[trials]
    if np.unique(weights).size <= 1:
        return Share(events=int(events.sum()), trials=len(weights))
    effective = weights.sum() ** 2 / np.square(weights).sum()
    weighted = 1.0 if events.all() else weights[events].sum() / weights.sum()
    return Share(events=float(weighted * effective), trials=float(effective))


def right(labels: pd.Series, frame: pd.DataFrame) -> np.ndarray:
    """Return for each row whether the prediction equals a label that is there; a request without an answer is not right."""
    answered = (frame["outcome"] == ANSWERED).to_numpy()
    wanted, given = labels.to_numpy(dtype=object), frame["prediction"].to_numpy(dtype=object)
    equal = np.fromiter((a == b for a, b in zip(wanted, given, strict=True)), dtype=bool, count=len(frame))
    found: np.ndarray = answered & equal & labels.notna().to_numpy()
    return found


def slices(table: pd.DataFrame) -> list[tuple[str, str, np.ndarray]]:
    """Return (column, value, mask over rows) of every value of every slice column, missing values included."""
    found = []
    for name in (name for name in map(str, table.columns) if name.startswith(SLICE_PREFIX)):
        values = table[name].fillna("(missing)")
        found += [
            (name.removeprefix(SLICE_PREFIX), str(value), (values == value).to_numpy())
            for value in sorted(values.unique())
        ]
    return found


def check_label_types(labels: pd.Series, frame: pd.DataFrame) -> None:
    """Raise StageError where no prediction has the type of the labels: nothing could ever be right."""
    label_types = {type(value).__name__ for value in labels.dropna().head(1000).to_numpy(dtype=object)}
    answered = frame.loc[frame["outcome"] == ANSWERED, "prediction"]
    answer_types = {type(value).__name__ for value in answered.head(1000).to_numpy(dtype=object)}
    numbers = {"int", "float", "bool", "int64", "int32", "float64", "float32", "bool_"}
    if label_types and answer_types and not label_types & answer_types and not (label_types | answer_types) <= numbers:
        raise StageError(
            f"decode predicts {', '.join(sorted(answer_types))} but the labels are {', '.join(sorted(label_types))}, "
            "so none could ever be right; make decode return the labels' own values"
        )


def _outcomes(answer: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's outcome and reason, judged from the raw outputs and from prediction and confidence."""
    frame = answer.frame
    outcome = np.full(len(frame), ANSWERED, dtype=object)
    why = np.full(len(frame), None, dtype=object)
    confidence = frame["confidence"].to_numpy()
    abstained = frame["prediction"].isna().to_numpy()
    outside = ~((confidence >= 0) & (confidence <= 1)) & ~(abstained & np.isnan(confidence))
    outcome[abstained] = ABSTAINED
    for row in np.flatnonzero(outside):
        outcome[row], why[row] = "malformed", f"confidence {confidence[row]} is not in [0, 1]"
    broken = ~np.isfinite(confidence) & outside
    for name, array in _float_outputs(answer.outputs, len(frame)).items():
        bad = ~np.isfinite(array.reshape(len(frame), -1)).all(axis=1)
        for row in np.flatnonzero(bad):
            outcome[row], why[row] = "non_finite", f"the output {name} is not finite"
    for row in np.flatnonzero(broken & (outcome == "malformed")):
        outcome[row], why[row] = "non_finite", "the confidence is not finite"
    return outcome, why


def _float_outputs(outputs: Arrays, rows: int) -> Arrays:
    return {name: a for name, a in outputs.items() if a.dtype.kind == "f" and a.ndim and len(a) == rows and a.size}


def _label_coverage(frame: pd.DataFrame, labelled: np.ndarray) -> tuple[LabelCoverage, ...]:
    """Count labels in the less and the more confident half of the answers: labels for confident answers only mislead."""
    confidence = frame["confidence"].to_numpy()
    finite = np.flatnonzero(np.isfinite(confidence))
    ordered = finite[np.argsort(confidence[finite], kind="stable")]
    halves = {"low confidence": ordered[: len(ordered) // 2], "high confidence": ordered[len(ordered) // 2 :]}
    return tuple(
        LabelCoverage(group=name, rows=len(part), labelled=int(labelled[part].sum())) for name, part in halves.items()
    )


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124  NaN and NaT are the values that differ from themselves
