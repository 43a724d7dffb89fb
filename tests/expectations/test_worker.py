"""Validations in a process of their own say what they say here, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.quality_example import AS_OF, COLUMNS, DRIFT, QUALITY, evaluation_set, log, production

from expectations.validate import validate_evaluation
from expectations.worker import Asked, ProductionSample, Validator
from tasks.core.errors import StageError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process
TIMEOUT = 120


def test_a_process_of_its_own_says_the_same_of_both_data_sets(tmp_path: Path) -> None:
    """Evidence and Data Docs are those of a validation here; a file that can't be read is told, and the next one goes on."""
    fixed, rows = tmp_path / "evaluation.parquet", tmp_path / "production.parquet"
    evaluation_set().to_parquet(fixed)
    log().to_parquet(rows)
    there, here = tmp_path / "there", tmp_path / "here"
    sample = ProductionSample(
        rows=rows, as_of=AS_OF, window_days=30, stale_after_hours=48, quality=QUALITY, drift=DRIFT, traits=None,
        classes=True,
    )  # fmt: skip
    asked = Asked(evaluation=fixed, columns=COLUMNS, out=there)
    with Validator() as validator:
        with pytest.raises(StageError, match="FileNotFoundError"):
            validator.validate(asked.model_copy(update={"evaluation": tmp_path / "gone.parquet"}), TIMEOUT)
        evaluated = validator.validate(asked, TIMEOUT)
        sampled = validator.validate(asked.model_copy(update={"production": sample}), TIMEOUT)
    assert evaluated == validate_evaluation(evaluation_set(), COLUMNS, here)
    assert sampled == production(log(), here, evaluation_set())
    assert sorted(path.name for path in there.iterdir()) == sorted(path.name for path in here.iterdir())
