"""Cold starts in fresh processes, and the warm-up that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.evidence import ColdStartEvidence
from tasks.performance.latency.cold_start import CALL, measure_cold_start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets


@pytest.mark.process
def test_a_lazy_first_request_shows_and_the_warm_up_reaches_it(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """The first answer takes what was put off, the first one after the warm-up does not; the warm-up is kept."""
    lazy = other(
        ("LABELS = ", "READY = []\nLABELS = "),
        ("    found = [", "    READY or READY.append(__import__('time').sleep(0.5))\n    found = ["),
    )
    twice = measuring.model_copy(update={"cold_starts": 2})
    found = measure_cold_start(lazy, sets.production, twice, 4, 0, tmp_path / "variants" / "fp32")
    assert isinstance(found, ColdStartEvidence)
    cold, warm = found.starts
    assert (cold.warmed, warm.warmed) == (False, True)
    assert cold.first_answer_seconds > 0.5 < warm.first_answer_seconds
    assert warm.calls_ms[0] < 500
    assert cold.ready_seconds > cold.first_answer_seconds + cold.imports_seconds
    path = tmp_path / found.warmup.path
    rows = pd.read_parquet(path)
    assert digest(path) == found.warmup.sha256
    assert rows[CALL].nunique() == found.warmup_calls >= 10
    lengths = pd.read_parquet(sets.production, columns=["text"])["text"].str.len()
    assert (rows["text"].str.len().min(), rows["text"].str.len().max()) == (lengths.min(), lengths.max())
    assert set(rows.groupby(CALL).size()) == {1, 4}
    with pytest.raises(StageError, match="asks for no cold start"):
        measure_cold_start(lazy, sets.production, measuring.model_copy(update={"cold_starts": 0}), 1, 0, tmp_path)
