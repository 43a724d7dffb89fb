"""Data quality: Great Expectations suites on the production sample and on the evaluation set, each with its Data Docs."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expectations.results import finding, looked, row_ids, words_of
from tasks.core.errors import StageError
from tasks.core.files import digest_bytes, write_whole
from tasks.data.column_types import common_kind, kinds_of
from tasks.data.drift import refer
from tasks.data.drift_features import comparable
from tasks.data.images import IMAGES, array_of, image_format, image_of, images_of, plain_list
from tasks.data.sampling.write import WEIGHT
from tasks.evidence import ValidationEvidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.expectations.expectation import Expectation

    from tasks.core.records import Columns
    from tasks.data.drift_features import Both
    from tasks.gates import data_quality
    from tasks.gates import drift as drift_gate

CLASSES = ("text", "numbers", "booleans")
EXISTS = "expect_column_to_exist"
LONG_LIST = 32  # numbers


def load() -> None:
    """Import Great Expectations, which takes seconds, while something else is waited for."""
    from expectations.suites import evaluation_set, prediction_log  # noqa: F401  the import is what takes the time


def validate_production(
    rows: pd.DataFrame,
    columns: Columns,
    *,
    as_of: datetime,
    window_days: float,
    stale_after_hours: float,
    evaluation: pd.DataFrame,
    quality: data_quality.Limits,
    drift: drift_gate.Limits,
    traits: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    classes: bool = True,
    out: Path,
) -> ValidationEvidence:
    """Hold a sample of the prediction log to its suite, and to the evaluation set's labels, types and distributions.

    `rows` has the candidate's columns and `copies`, how many times each request was logged; a time without a zone is
    UTC. `quality` and `drift` are the limits of these gates; `traits` are those of the evaluation set and of the
    sample, row by row. Where labels are `classes`, production may have no others than the evaluation set.
    The Data Docs are written into the folder `out`. Importing Great Expectations takes seconds.
    """
    from expectations.suites import prediction_log
    from expectations.suites.distribution_shift import keeps_distributions, shift_column

    kinds = _expected_kinds(columns, evaluation, rows)
    shown = _comparable(evaluation, rows, columns, traits)
    suite = prediction_log.build(
        columns,
        as_of=as_of.astimezone(UTC),
        window_days=window_days,
        stale_after_hours=stale_after_hours,
        kinds=kinds,
        labels=_labels(columns.label, evaluation, kinds[columns.label]) if classes else None,
        limits=quality,
        shifts=keeps_distributions(
            [refer(name, both.evaluation) for name, both in shown.items()],
            columns,
            WEIGHT if WEIGHT in rows else None,
            columns.cluster if columns.cluster in rows else None,
            max_distance=drift.max_distance,
            confidence=drift.confidence,
        ),
    )
    prepared = _prepare(rows, columns, kinds)
    for name, both in shown.items():
        prepared[shift_column(name)] = both.production.to_numpy()
    if columns.time in prepared:
        prepared[columns.time] = _times(prepared[columns.time])
    if columns.label in prepared:
        # a label of another kind is reported once, as that, and not again as one that the evaluation set lacks
        same = kinds_of(prepared[columns.label]) == kinds[columns.label]
        prepared[columns.label] = prepared[columns.label].where(same, None)
    return _validate(rows, prepared, suite, dataset="production", id_column=columns.id, out=out)


def validate_evaluation(rows: pd.DataFrame, columns: Columns, out: Path) -> ValidationEvidence:
    """Hold the evaluation set to its suite; its Data Docs are written into the folder `out`."""
    from expectations.suites import evaluation_set

    kinds = _expected_kinds(columns, rows)
    suite = evaluation_set.build(columns, kinds=kinds)
    return _validate(rows, _prepare(rows, columns, kinds), suite, dataset="evaluation", id_column=columns.id, out=out)


def _comparable(
    evaluation: pd.DataFrame, rows: pd.DataFrame, columns: Columns, traits: tuple[pd.DataFrame, pd.DataFrame] | None
) -> dict[str, Both]:
    """Return what the two can be compared in: nothing without rows or a column, which other expectations find."""
    try:
        return comparable(evaluation, rows, columns, traits)
    except StageError:
        return {}


def _expected_kinds(columns: Columns, *frames: pd.DataFrame) -> dict[str, str]:
    """Return the kind that the label and each input are to hold: the commonest in the first frame that has any.

    Of images, it is their format: the graph takes no other.
    """
    kinds = {}
    for column in (columns.label, *columns.input):
        found = (_kind(frame[column]) for frame in frames if column in frame)
        kinds[column] = next((kind for kind in found if kind is not None), "text")
    if kinds[columns.label] not in CLASSES:
        kinds[columns.label] = "text"
    return kinds


def _kind(column: pd.Series[Any]) -> str | None:
    kind = common_kind(column)
    images = image_format(column) if kind == "lists" else None
    return images_of(images.shape) if images else kind


def _held(column: pd.Series[Any], expected: str | None) -> pd.Series[Any]:
    """Return the kind of each value; of an image its format, where images are expected."""
    import pandas as pd

    kinds = kinds_of(column)
    if expected is None or not expected.startswith(IMAGES):
        return kinds
    values = zip(column.astype(object), kinds, strict=True)
    images = (image_of(value) if kind == "lists" else None for value, kind in values)
    named = (kind if image is None else images_of(image.shape) for image, kind in zip(images, kinds, strict=True))
    return pd.Series(list(named), index=column.index, dtype=kinds.dtype)


def _labels(column: str, evaluation: pd.DataFrame, kind: str) -> list[Any]:
    """Return the evaluation set's distinct labels of `kind`, sorted, as plain Python values."""
    if column not in evaluation:
        return []
    values = evaluation[column]
    return sorted({getattr(value, "item", lambda v=value: v)() for value in values[kinds_of(values) == kind]})


def _prepare(rows: pd.DataFrame, columns: Columns, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Return a copy with rows numbered from 0, and with the derived columns that the suites look at."""
    import pandas as pd

    from expectations.suites.checks import INPUTS, kind_column

    prepared = rows.reset_index(drop=True)
    for column in (columns.label, *columns.input, *columns.parts):
        if column in rows:
            prepared[kind_column(column)] = _held(prepared[column], kinds.get(column))
    if set(columns.input) <= set(rows.columns):
        inputs = prepared[list(columns.input)]
        joined = [repr([_content(value) for value in row]) for row in inputs.itertuples(index=False)]
        prepared[INPUTS] = pd.Series(joined, dtype=object).where(inputs.notna().any(axis=1), None)
    return prepared


def _content(value: Any) -> Any:
    """Return what tells two values apart; of a long list of numbers a digest, as its text would be huge."""
    array = array_of(value) if isinstance(value, (list, tuple, np.ndarray)) else None
    if array is not None and array.size > LONG_LIST:
        return array.shape, digest_bytes(array.tobytes())
    return plain_list(getattr(value, "tolist", lambda: value)())


def _times(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return `column` as times in UTC, NaT where it is not a time; bare numbers could be any unit, so they are not."""
    import pandas as pd

    readable = column.astype(object).where(kinds_of(column).isin(("text", "times")), None)
    return pd.to_datetime(readable, utc=True, errors="coerce", format="ISO8601")


def _validate(
    rows: pd.DataFrame,
    prepared: pd.DataFrame,
    suite: ExpectationSuite,
    *,
    dataset: Literal["production", "evaluation"],
    id_column: str,
    out: Path,
) -> ValidationEvidence:
    from expectations.data_docs import data_docs_page

    asked, dropped = _split(suite, rows)
    found = _run(prepared, suite.name, asked)
    outcomes = {words_of(config)["claim"]: each for each in found.results if (config := each.expectation_config)}
    numbered, ids = rows.reset_index(drop=True), row_ids(rows, id_column)
    results = []
    for expectation in asked:
        outcome = outcomes.get(words_of(expectation)["claim"])
        skipped = sum(_stops(expectation, other) for other in dropped)
        results.append(finding(expectation, outcome, numbered, ids, skipped))
    evidence = ValidationEvidence(
        dataset=dataset,
        rows=len(rows),
        evaluated_expectations=sum(map(looked, outcomes.values())),
        results=tuple(results),
        page=f"data-docs-{dataset}.html",
    )
    write_whole(out / evidence.page, data_docs_page(found, asked, evidence, id_column).encode())
    return evidence


def _split(suite: ExpectationSuite, rows: pd.DataFrame) -> tuple[list[Expectation], list[Expectation]]:
    """Return the expectations to ask, and those that an empty frame or a missing column leaves without meaning.

    What drops them is itself asked and fails, so nothing passes for being dropped.
    """
    asked: list[Expectation] = []
    dropped: list[Expectation] = []
    for expectation in suite.expectations:
        needs = set(words_of(expectation)["needs"])
        exists = expectation.expectation_type == EXISTS
        possible = (len(rows) > 0 and (exists or needs <= set(rows.columns))) or not needs
        (asked if possible else dropped).append(expectation)
    return asked, dropped


def _stops(failed: Expectation, dropped: Expectation) -> bool:
    """Tell whether the failure of `failed` is why `dropped` was not asked."""
    needs = words_of(failed)["needs"]
    return not needs or (failed.expectation_type == EXISTS and needs[0] in words_of(dropped)["needs"])


def _run(prepared: pd.DataFrame, name: str, asked: Sequence[Expectation]) -> ExpectationSuiteValidationResult:
    """Return what Great Expectations found, from a context that lives in memory and is gone afterwards."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": prepared})
    suite = gx.ExpectationSuite(name=name, expectations=list(asked))
    return batch.validate(suite, result_format={"result_format": "COMPLETE"})
