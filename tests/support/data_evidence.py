"""Evidence of data in which everything is well, built in small parts that a test can change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from support.raw_samples import RAW

from tasks.evidence import (
    DriftColumn,
    DriftEvidence,
    ExpectationResult,
    Moved,
    ReviewEvidence,
    ReviewKind,
    SampleEvidence,
    ValidationEvidence,
)


def sample(**changes: Any) -> SampleEvidence:
    """Return a sample of 4,000 requests, 3,000 of them labelled."""
    parts: dict[str, Any] = {
        "source": "log",
        "window_start": datetime(2026, 1, 1, tzinfo=UTC),
        "window_end": datetime(2026, 1, 29, tzinfo=UTC),
        "seed": 1,
        "asked_rows": 4000,
        "rows": 4000,
        "log_rows": 5000,
        "log_requests": 5000.0,
        "strata": (),
        "log_files": 28,
        "malformed_rows": 3,
        "malformed_examples": ("day 3, line 7: half a line",),
        "outside_window_rows": 0,
        "duplicated_rows": 0,
        "labelled_rows": 3000,
        "by_status": {"ok": 4000},
        "missing_columns": {},
        "raw": RAW,
    }
    return SampleEvidence(**(parts | changes))


def review(**changes: Any) -> ReviewEvidence:
    """Return 70 requests to read, of 4,000: of every kind, and of two slices."""
    parts: dict[str, Any] = {
        "sample_rows": 4000,
        "rows": 70,
        "readable_rows": 70,
        "masked": True,
        "kinds": (
            ReviewKind(kind="random", of="", eligible=4000, picked=24),
            ReviewKind(kind="low confidence", of="fp32", eligible=400, picked=12),
            ReviewKind(kind="confident error", of="fp32", eligible=90, picked=12),
            ReviewKind(kind="slice", of="source=shop", eligible=3000, picked=8),
            ReviewKind(kind="slice", of="source=app", eligible=1000, picked=8),
        ),
        "raw": RAW,
    }
    return ReviewEvidence(**(parts | changes))


def expectation(
    severity: Literal["critical", "warning", "info"] = "critical",
    because: str = "text is there",
    *,
    success: bool = True,
) -> ExpectationResult:
    """Return one expectation's result."""
    return ExpectationResult(
        expectation="expect_x", column="text", severity=severity, success=success, unexpected_rows=0, checked_rows=9,
        because=because,
    )  # fmt: skip


def quality(
    dataset: Literal["production", "evaluation"], *results: ExpectationResult, **changes: Any
) -> ValidationEvidence:
    """Return a suite's results; by default one critical expectation that held."""
    shown = results or (expectation(),)
    parts = {"dataset": dataset, "rows": 4000, "evaluated_expectations": len(shown), "results": shown, "page": "p.html"}
    return ValidationEvidence(**(parts | changes))


def drift(*columns: DriftColumn) -> DriftEvidence:
    """Return how far production has moved in these columns."""
    return DriftEvidence(columns=columns)


def shift(column: str, distance: float, **changes: Any) -> DriftColumn:
    """Return how far one column has moved: numbers, from 1,500 rows to 4,000 unless changed."""
    parts: dict[str, Any] = {
        "kind": "numbers",
        "excess": 0,
        "evaluation_rows": 1500,
        "production_rows": 4000,
        "production_effective_rows": 4000,
        "moved": (Moved(value="at most 50", evaluation_share=0.5 + distance / 2, production_share=0.5 - distance / 2),),
    }
    return DriftColumn(column=column, distance=distance, **(parts | changes))
