"""A candidate and the champion, timed in turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tasks.performance.latency.interleaved import compare_with_champion
from tasks.statistics import paired_ratio_of_medians

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets


@pytest.mark.process
def test_a_slower_candidate_is_slower_in_turns(
    served: Serving, other: Callable[..., Serving], sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """Both are timed on the same rows by one process, and the raw blocks are kept."""
    slow = other(("    (logits,) =", "    __import__('time').sleep(0.02)\n    (logits,) ="))
    short = measuring.model_copy(update={"champion_seconds": 0.5})
    found = compare_with_champion(slow, served, sets.production, short, 8, 0, tmp_path / "variants" / "fp32")
    assert [times.batch for times in found.batches] == [1, 8]
    for times in found.batches:
        own, live = ([block[a] + block[b] for block in times.blocks] for a, b in ((0, 3), (1, 2)))
        assert min(own) > 0.04
        assert paired_ratio_of_medians(own, live, 0.95, seed=0).low > 1
    assert len(pd.read_parquet(tmp_path / found.raw.path)) == sum(len(times.blocks) for times in found.batches)
