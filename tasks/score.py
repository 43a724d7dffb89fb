"""Scores of a model's answers over all requests: failed and abstained ones too, by weight, overall and slice by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.compare import flips
from tasks.evidence import (
    Paired,
    PairedSlice,
    PairedTally,
    Raw,
    Scores,
    Share,
    Slice,
    Tally,
    Unmeasured,
    WeakSlice,
)
from tasks.files import digest
from tasks.labels import label_coverage, label_shift
from tasks.mask import mask_id
from tasks.records import Columns, StageError
from tasks.sample.write import WEIGHT
from tasks.slices import SLICE_PREFIX, TRAIT_PREFIX, crossed, declared, derived, labels, weakest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from tasks.evaluate import Predictions
    from tasks.slices import Part

MAX_EXAMPLES = 5
PRODUCTION_FILE = "predictions-production.parquet"
ANSWERED = "answered"
ABSTAINED = "abstained"
BROKEN = ("exception", "non_finite", "malformed")
NOT_DESCRIBED = Unmeasured(stage="describe", why="the requests were not described")


def score(
    dataset: Literal["evaluation", "production"],
    rows: pd.DataFrame,
    columns: Columns,
    predictions: Predictions,
    out: Path,
    traits: pd.DataFrame | Unmeasured = NOT_DESCRIBED,
) -> Scores:
    """Return the scores of `predictions` over all of `rows`, and save them row by row as Parquet in the folder `out`.

    `traits` has a column a trait and a row a row of `rows`, in their order.
    """
    frame = predictions.frame
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
    if not isinstance(traits, Unmeasured):
        table = table.assign(**{TRAIT_PREFIX + str(name): traits[name].to_numpy(dtype=object) for name in traits})
    for name in set(table.columns) - {"confidence", "right", "weight"}:
        table[name] = [None if _missing(value) else str(value) for value in table[name].to_numpy(dtype=object)]
    table.to_parquet(path, index=False)
    examples = [
        f"{mask_id(str(row.id))}: {row.outcome}: {row.why}"
        for row in table[table["why"].notna()].head(MAX_EXAMPLES).itertuples()
    ]
    counts = frame["outcome"].value_counts()
    exceptions, non_finite, malformed = (int(counts.get(kind, 0)) for kind in BROKEN)
    return Scores(
        dataset=dataset,
        overall=tally(table),
        slices=_sliced(table, declared(table)),
        labels=_sliced(table, labels(table)),
        traits=traits if isinstance(traits, Unmeasured) else _sliced(table, derived(table)),
        crossed=_sliced(table, crossed(table)) if dataset == "production" else (),
        weakest=_weakest(table) if dataset == "production" else None,
        label_coverage=label_coverage(table),
        label_shift=label_shift(table),
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
            PairedSlice(column=column, value=value, tally=paired(mask)) for column, value, mask in declared(own)
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


def _sliced(table: pd.DataFrame, parts: Iterable[Part]) -> tuple[Slice, ...]:
    labelled, weights = table["label"].notna().to_numpy(), table["weight"].to_numpy()
    return tuple(
        Slice(
            column=part.column,
            value=part.value,
            label_share=share(part.mask, weights, labelled).value if labelled.any() else 0.0,
            tally=tally(table[part.mask]),
        )
        for part in parts
    )


def _weakest(table: pd.DataFrame) -> WeakSlice | None:
    found = weakest(table)
    return None if found is None else WeakSlice(rule=found.rule, tally=tally(table[found.unseen]))


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124  NaN and NaT are the values that differ from themselves
