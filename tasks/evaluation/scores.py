"""Scores of a model's answers over all requests: failed and abstained ones too, by weight, overall and slice by slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.records import Columns, Marking, Task
from tasks.core.run_folder import VariantFolder
from tasks.data.column_types import as_floats
from tasks.data.redaction import mask_id
from tasks.data.sampling.write import WEIGHT
from tasks.data.weighting import design, designs, group_columns, groups_of
from tasks.evaluation.error_metrics import ERROR, UNITS, error_rise, mean_error, row_errors
from tasks.evaluation.label_coverage import label_coverage, label_shift
from tasks.evaluation.outcomes import ANSWERED, BROKEN, share, tallies, tally
from tasks.evaluation.slices import SLICE_PREFIX, TRAIT_PREFIX, crossed, declared, derived, labels, weakest
from tasks.evidence import Paired, PairedSlice, PairedTally, Raw, Scores, Slice, Unmeasured, WeakSlice
from tasks.serving.differences import flips

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

    from tasks.evaluation.predict import Predictions
    from tasks.evaluation.slices import Part

MAX_EXAMPLES = 5
NOT_DESCRIBED = Unmeasured(stage="describe", why="the requests were not described")
LABEL_SLICES = 5  # of numbers, with as many rows of the evaluation set in each


@dataclass(frozen=True)
class Scoring:
    """What kind the answers are, when one is right, and where labels that are numbers are cut into slices."""

    task: Task = "classification"
    marking: Marking = field(default_factory=Marking)
    label_cuts: tuple[float, ...] = ()


def label_cuts(task: Task, labels: pd.Series) -> tuple[float, ...]:
    """Return the numbers at which labels are cut into slices that hold as many rows each; none of other kinds."""
    known = as_floats(labels)[labels.notna().to_numpy()] if task == "regression" else np.zeros(0)
    known = known[np.isfinite(known)]
    if not known.size:
        return ()
    at = np.arange(1, LABEL_SLICES) / LABEL_SLICES
    return tuple(np.unique(np.quantile(known, at, method="inverted_cdf")).tolist())


def score(
    dataset: Literal["evaluation", "production"],
    rows: pd.DataFrame,
    columns: Columns,
    predictions: Predictions,
    out: Path,
    traits: pd.DataFrame | Unmeasured = NOT_DESCRIBED,
    scoring: Scoring | None = None,
) -> Scores:
    """Return the scores of `predictions` over all of `rows`, and save them row by row as Parquet in the folder `out`.

    `traits` has a column a trait and a row a row of `rows`, in their order.
    """
    frame, scoring = predictions.frame, scoring or Scoring()
    is_right = right(rows[columns.label], frame, scoring.marking)
    answered = (frame["outcome"] == ANSWERED).to_numpy()
    weights = rows[WEIGHT].to_numpy() if WEIGHT in rows else np.ones(len(rows))
    path = VariantFolder(out).answers(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    table = frame.assign(
        id=rows[columns.id].to_numpy(),
        label=rows[columns.label].to_numpy(dtype=object),
        right=is_right,
        weight=weights,
        **row_errors(scoring.task, rows[columns.label], answered, frame["prediction"]),
        **group_columns(rows, columns),
    )
    for column in (name for name in columns.slices if name in rows):
        table[SLICE_PREFIX + column] = rows[column].to_numpy(dtype=object)
    if not isinstance(traits, Unmeasured):
        table = table.assign(**{TRAIT_PREFIX + str(name): traits[name].to_numpy(dtype=object) for name in traits})
    for name in set(table.columns) - {"confidence", "right", "weight", ERROR, UNITS}:
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
        labels=_sliced(table, labels(table, scoring.label_cuts)),
        traits=traits if isinstance(traits, Unmeasured) else _sliced(table, derived(table)),
        crossed=_sliced(table, crossed(table)) if dataset == "production" else (),
        weakest=_weakest(table) if dataset == "production" else None,
        label_coverage=label_coverage(table),
        label_shift=label_shift(table),
        error=mean_error(table, scoring.task),
        exceptions=exceptions,
        non_finite=non_finite,
        malformed=malformed,
        error_examples=tuple(examples),
        seconds=predictions.seconds,
        raw=Raw(path=f"{out.parent.name}/{out.name}/{path.name}", sha256=digest(path), rows=len(table)),
    )


def pair(baseline: str, base_file: Path, candidate_file: Path, scoring: Scoring | None = None) -> Paired:
    """Return the candidate's saved answers against the baseline's on the same rows, overall and in each slice."""
    import pandas as pd

    base, own, scoring = pd.read_parquet(base_file), pd.read_parquet(candidate_file), scoring or Scoring()
    if not base["id"].equals(own["id"]):
        raise StageError(f"{base_file} and {candidate_file} are not about the same rows, so they cannot be paired")
    labelled = own["label"].notna().to_numpy()
    base_right, own_right = base["right"].to_numpy(), own["right"].to_numpy()
    flipped = flips(base["prediction"], own["prediction"], scoring.marking.same)
    weights = own["weight"].to_numpy()

    groups, gain = groups_of(own), own_right.astype(float) - base_right

    def paired(mask: np.ndarray, effect: float) -> PairedTally:
        return PairedTally(
            rows=int(mask.sum()),
            flips=int(flipped[mask].sum()),
            labelled=int(labelled[mask].sum()),
            candidate_only=share(own_right & ~base_right, weights, mask & labelled, effect),
            baseline_only=share(base_right & ~own_right, weights, mask & labelled, effect),
        )

    parts = declared(own)
    effects = designs(gain, weights, [part.mask & labelled for part in parts], groups)
    return Paired(
        baseline=baseline,
        overall=paired(np.ones(len(own), dtype=bool), design(gain, weights, labelled, groups)),
        slices=tuple(
            PairedSlice(column=part.column, value=part.value, tally=paired(part.mask, effect))
            for part, effect in zip(parts, effects, strict=True)
        ),
        error_rise=error_rise(base, own, scoring.task),
    )


def right(labels: pd.Series, frame: pd.DataFrame, marking: Marking) -> np.ndarray:
    """Return for each row whether the prediction is right, going by a label that is there.

    A number is within the tolerance, anything else equal; a request without an answer is not right.
    """
    answered = (frame["outcome"] == ANSWERED).to_numpy()
    if marking.tolerance:
        equal = np.abs(as_floats(labels) - as_floats(frame["prediction"])) <= marking.tolerance
    else:
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
    labelled, weights, parts = table["label"].notna().to_numpy(), table["weight"].to_numpy(), tuple(parts)
    return tuple(
        Slice(
            column=part.column,
            value=part.value,
            label_share=share(part.mask, weights, labelled).value if labelled.any() else 0.0,
            tally=counted,
        )
        for part, counted in zip(parts, tallies(table, [part.mask for part in parts]), strict=True)
    )


def _weakest(table: pd.DataFrame) -> WeakSlice | None:
    found = weakest(table)
    return None if found is None else WeakSlice(rule=found.rule, tally=tally(table[found.unseen]))


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124  NaN and NaT are the values that differ from themselves
