"""What the production log and the data sets look like."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from tasks.evidence.basis import Raw
from tasks.records import Record


class Stratum(Record):
    """The requests of the sample where `column` equals `value`, and what share of the log's requests they stand for."""

    column: str
    value: str
    rows: int
    log_share: float


class SampleEvidence(Record):
    """What was drawn from the production log, and what the log looked like on the way.

    `log_rows` counts the rows that could be read, `malformed_rows` the others; `log_requests` is an estimate of the
    distinct requests, from their weights. `strata` are the slices of which each has requests of its own.
    """

    source: str
    window_start: AwareDatetime
    window_end: AwareDatetime
    seed: int
    asked_rows: int
    rows: int
    log_rows: int
    log_requests: float
    log_files: int
    malformed_rows: int
    malformed_examples: tuple[str, ...]
    outside_window_rows: int
    duplicated_rows: int
    labelled_rows: int
    by_status: dict[str, int]
    missing_columns: dict[str, int]
    strata: tuple[Stratum, ...]
    raw: Raw


class ExpectationResult(Record):
    """One expectation of a suite: what it asked, whether it held, and the ids of rows that broke it."""

    expectation: str
    column: str | None
    severity: Literal["critical", "warning", "info"]
    success: bool
    unexpected_rows: int
    checked_rows: int
    because: str
    failing_ids: tuple[str, ...] = ()


class ValidationEvidence(Record):
    """A Great Expectations suite run on one data set."""

    dataset: Literal["production", "evaluation"]
    rows: int
    evaluated_expectations: int
    results: tuple[ExpectationResult, ...]
    page: str
