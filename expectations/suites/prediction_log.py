"""What a sample of the prediction log must be like before anything is concluded from it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from great_expectations import ExpectationSuite
from great_expectations.expectations.core.expect_column_max_to_be_between import ExpectColumnMaxToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_between import ExpectColumnValuesToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_not_be_null import ExpectColumnValuesToNotBeNull

from expectations.suites.checks import CRITICAL, WARNING, any_value, exists, filled, has_rows, of_kind, unique, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.metadata_types import FailureSeverity

    from tasks.core.records import Columns
    from tasks.gates.data_quality import Limits

STATUSES = ("ok", "abstained", "error", "timeout")
COPIES = "copies"
FAULTY, SLICE_MISSING, REPEATED = "max_faulty_rate", "max_slice_missing_rate", "max_repeated_rate"
NOTED = 0.05  # of requests without a slice, or logged again: too few to reject, enough to be told
SHOWN_LABELS = 10
SLICE = "log it for every request, else its slices can't be judged"
CLUSTER = "log it for every request, else those that are alike count as so many independent ones"


def build(
    columns: Columns,
    *,
    as_of: datetime,
    window_days: float,
    stale_after_hours: float,
    kinds: Mapping[str, str],
    labels: Sequence[Any] | None,
    limits: Limits,
    shifts: Sequence[Expectation],
) -> ExpectationSuite:
    """Return the suite for rows of `columns` and `copies`, with the kind columns that `expectations.validate` derives.

    `as_of` ends the window; `kinds` says what the label and each input are to hold, `labels` lists the evaluation
    set's classes (None where labels are none), `limits` are those of the gate `data-quality`, and `shifts` are the expectations of `expectations.suites.distribution_shift`.
    """
    sound = 1 - limits.max_faulty_rate
    return ExpectationSuite(
        name="prediction_log",
        expectations=[
            has_rows(
                "the production sample",
                "check the log's address and the window, and that no filter before this drops every row",
            ),
            *_schema(columns),
            filled(columns.id, 1, CRITICAL, "log every request under an id"),
            unique(columns.id, "log each request under an id of its own, so that its label finds it"),
            *_time(columns.time, as_of, window_days, stale_after_hours, sound),
            *_status(columns.status, sound),
            *(expectation for name in columns.input for expectation in _input(name, kinds[name], sound)),
            *_label(columns.label, kinds[columns.label], labels),
            *(each for name in _parts(columns) for each in _part(name, columns, limits)),
            filled(COPIES, 1, CRITICAL, "count how many times each request was logged when the sample is drawn"),
            _logged_once(1 - NOTED, WARNING),
            _logged_once(1 - limits.max_repeated_rate, CRITICAL, REPEATED),
            *shifts,
        ],
    )


def _schema(columns: Columns) -> list[Expectation]:
    needed = (columns.id, columns.time, columns.status, *columns.input, columns.label, *columns.parts, COPIES)
    remedy = "name it under columns in candidate.yaml as the service logs it today, or log it again"
    return [exists(column, remedy) for column in dict.fromkeys(needed)]


def _time(
    column: str, as_of: datetime, window_days: float, stale_after_hours: float, mostly: float
) -> list[Expectation]:
    start, newest = as_of - timedelta(days=window_days), as_of - timedelta(hours=stale_after_hours)
    window = f"the window {start:%Y-%m-%d %H:%M} to {as_of:%Y-%m-%d %H:%M %Z}"
    late = f"{stale_after_hours:g} hours before {as_of:%Y-%m-%d %H:%M %Z}"
    return [
        ExpectColumnValuesToNotBeNull(
            column=column,
            mostly=mostly,
            severity=CRITICAL,
            meta=words(
                (column,),
                f"column '{column}' is a time",
                f"have no readable time in column '{column}'",
                "write ISO 8601 text in UTC, or timestamps",
                FAULTY,
            ),
        ),
        ExpectColumnValuesToBeBetween(
            column=column,
            min_value=start,
            max_value=as_of,
            mostly=mostly,
            severity=CRITICAL,
            meta=words(
                (column,),
                f"column '{column}' is inside {window}",
                f"have a time in column '{column}' outside {window}",
                "check the service's clock and time zone, and the partitions that were read",
                FAULTY,
            ),
        ),
        ExpectColumnMaxToBeBetween(
            column=column,
            min_value=newest,
            severity=CRITICAL,
            meta=words(
                (column,),
                f"column '{column}' has a time within {late}",
                f"column '{column}' has no time within {late}",
                "find out why logging stopped, or set data.as_of to the end of a recorded log",
            ),
        ),
    ]


def _status(column: str, mostly: float) -> list[Expectation]:
    known = ", ".join(STATUSES)
    return [
        filled(column, mostly, CRITICAL, f"log how each request ended: {known}", FAULTY),
        ExpectColumnValuesToBeInSet(
            column=column,
            value_set=list(STATUSES),
            mostly=mostly,
            severity=CRITICAL,
            meta=words(
                (column,),
                f"column '{column}' is one of {known}",
                f"have a status in column '{column}' that is none of {known}",
                "map the service's own words to these, else failed requests are taken for answered ones",
                FAULTY,
            ),
        ),
    ]


def _input(column: str, kind: str, mostly: float) -> list[Expectation]:
    return [
        filled(column, mostly, CRITICAL, "find out since when and from which client it is missing", FAULTY),
        filled(column, 1, WARNING, "log the input of every request, failed ones included"),
        of_kind(
            column, kind, f"the evaluation set holds {kind}", "log what the model is given, in the type it is given"
        ),
    ]


def _label(column: str, kind: str, labels: Sequence[Any] | None) -> list[Expectation]:
    origin = f"the evaluation set's labels are {kind}" + (f", such as {labels[0]!r}" if labels else "")
    return [
        any_value(column, "join the labels that have come in to the log, else accuracy can't be measured"),
        of_kind(column, kind, origin, "write the same type in both, else no label ever equals a prediction"),
        *([] if labels is None else [_known_label(column, labels)]),
    ]


def _known_label(column: str, labels: Sequence[Any]) -> Expectation:
    shown = ", ".join(map(repr, labels[:SHOWN_LABELS])) + (", ..." if len(labels) > SHOWN_LABELS else "")
    return ExpectColumnValuesToBeInSet(
        column=column,
        value_set=list(labels),
        severity=CRITICAL,
        meta=words(
            (column,),
            f"column '{column}' is one of the evaluation set's labels ({shown})",
            f"have a label in column '{column}' that the evaluation set lacks (it has {shown or 'none'})",
            "add the class to the evaluation set and train on it, or correct the labels",
        ),
    )


def _parts(columns: Columns) -> tuple[str, ...]:
    """Return the columns to ask for what a request is part of; an input must be there in any case."""
    return tuple(dict.fromkeys(name for name in columns.parts if name in columns.slices or name not in columns.input))


def _part(column: str, columns: Columns, limits: Limits) -> list[Expectation]:
    remedy = CLUSTER if column == columns.cluster else SLICE
    return [
        any_value(column, remedy),
        filled(column, 1 - NOTED, WARNING, remedy),
        filled(column, 1 - limits.max_slice_missing_rate, CRITICAL, remedy, SLICE_MISSING),
    ]


def _logged_once(mostly: float, severity: FailureSeverity, limit: str | None = None) -> Expectation:
    return ExpectColumnValuesToBeBetween(
        column=COPIES,
        max_value=1,
        mostly=mostly,
        severity=severity,
        meta=words(
            (COPIES,),
            f"requests are logged once, {100 * mostly:g}% of them at least",
            "were logged more than once",
            "find the retry or the second writer; each request counts once here",
            limit,
        ),
    )
