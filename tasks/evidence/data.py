"""What the production log and the data sets look like."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from tasks.core.records import Record
from tasks.evidence.common import Raw


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
    """One expectation of a suite: what it asked, whether it held, and the ids of rows that broke it.

    `limit` names the limit of the gate `data-quality` that its share of unexpected rows is held to, where there is one.
    """

    expectation: str
    column: str | None
    severity: Literal["critical", "warning", "info"]
    success: bool
    unexpected_rows: int
    checked_rows: int
    because: str
    failing_ids: tuple[str, ...] = ()
    limit: str | None = None


class ValidationEvidence(Record):
    """A Great Expectations suite run on one data set."""

    dataset: Literal["production", "evaluation"]
    rows: int
    evaluated_expectations: int
    results: tuple[ExpectationResult, ...]
    page: str


class Moved(Record):
    """A value, or a range of numbers, with the share of each data set's rows that have it."""

    value: str
    evaluation_share: float
    production_share: float


class DriftColumn(Record):
    """How far the production requests lie from the evaluation set in one thing that both show.

    `distance` is between 0 and 1: total variation of categories, Kolmogorov-Smirnov of numbers; `excess` is how much
    chance alone may add to it on average. The effective rows are the rows where all weigh alike, and fewer where not.
    `moved` are the values that moved most, first the one that moved furthest.
    """

    column: str
    kind: Literal["categories", "numbers"]
    distance: float
    excess: float
    evaluation_rows: int
    production_rows: int
    production_effective_rows: float
    moved: tuple[Moved, ...]

    def in_words(self) -> str:
        """Return what the distance is of, and the values that moved most with their shares before and now."""
        what = "share that is elsewhere" if self.kind == "categories" else "largest gap between shares"
        parts = (f"{m.value}: {100 * m.evaluation_share:.3g}% → {100 * m.production_share:.3g}%" for m in self.moved)
        return "; ".join((what, *parts))


class DriftEvidence(Record):
    """The production sample against the evaluation set, input by input."""

    columns: tuple[DriftColumn, ...]
