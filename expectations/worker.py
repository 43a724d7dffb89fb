"""Great Expectations in a process of its own: its import takes seconds that can pass beside other work, and 300 MB.

The process imports it as soon as it starts, then answers one validation after another, and is gone when it is closed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import AwareDatetime

from expectations.validate import validate_evaluation, validate_production
from tasks.core.errors import InputError, StageError
from tasks.core.records import Columns, Record
from tasks.core.worker import Conversation, converse
from tasks.data.redaction import mask
from tasks.evidence import ValidationEvidence
from tasks.gates import data_quality
from tasks.gates import drift as drift_gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Opening(Record):
    """There is nothing to say before the first validation."""


class ProductionSample(Record):
    """The sample at `rows` and what it is held to, see `validate_production`; `traits` lie beside both data sets."""

    rows: Path
    as_of: AwareDatetime
    window_days: float
    stale_after_hours: float
    quality: data_quality.Limits
    drift: drift_gate.Limits
    traits: tuple[Path, Path] | None
    classes: bool


class Asked(Record):
    """What to validate: the evaluation set, or the production sample against it. The Data Docs go into the folder `out`."""

    evaluation: Path
    columns: Columns
    out: Path
    production: ProductionSample | None = None


class Validator:
    """The process that validates; a context manager that ends it. It is there, and imports, from the start."""

    def __init__(self) -> None:
        self._child = Conversation("expectations.worker", Opening())

    def validate(self, asked: Asked, timeout_seconds: float) -> ValidationEvidence:
        """Return how a data set stands to its suite. Raises StageError where it can't be told."""
        return self._child.ask(asked, ValidationEvidence, timeout_seconds)

    def close(self) -> None:
        """End the process."""
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _validate(asked: Asked) -> ValidationEvidence:
    """Read what is to be validated and validate it; a library's message may quote a request, so it is masked."""
    import pandas as pd

    try:
        evaluation, sample = pd.read_parquet(asked.evaluation), asked.production
        if sample is None:
            return validate_evaluation(evaluation, asked.columns, asked.out)
        traits = None if sample.traits is None else tuple(map(pd.read_parquet, sample.traits))
        return validate_production(
            pd.read_parquet(sample.rows), asked.columns, as_of=sample.as_of, window_days=sample.window_days,
            stale_after_hours=sample.stale_after_hours, evaluation=evaluation, quality=sample.quality, drift=sample.drift,
            traits=None if traits is None else (traits[0], traits[1]), classes=sample.classes, out=asked.out,
        )  # fmt: skip
    except (InputError, StageError):
        raise
    except Exception as error:
        raise StageError(mask(f"{type(error).__name__}: {error}")) from error


def _open(_opening: Opening) -> Callable[[Asked], ValidationEvidence]:
    return _validate


if __name__ == "__main__":
    from expectations.suites import evaluation_set, prediction_log  # noqa: F401  imported before it is asked for

    converse(Opening, _open, Asked)
