"""What every stage that serves the graph refuses: another target, no rows, and an adapter that always fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from support.tiny import ALL_FAIL

from tasks.core.errors import StageError
from tasks.performance.latency.request import LatencyRequest
from tasks.performance.latency.timing import time_calls
from tasks.performance.memory.measure import MemoryRequest, watch_memory
from tasks.serving.determinism import DeterminismRequest, answer_again
from tasks.serving.provider import prove_provider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process


@pytest.fixture
def empty(tmp_path: Path, sets: DataSets) -> Path:
    """Return a production sample without rows."""
    path = tmp_path / "empty.parquet"
    pd.read_parquet(sets.production).head(0).to_parquet(path)
    return path


def asked(serving: Serving, rows: Path, golden: Path) -> dict[str, Callable[[], object]]:
    """Return what the three children do, for this process to do."""
    latency = LatencyRequest(serving=serving, rows=rows, batches=(1,), calls={1: 5}, seconds={1: 5}, seed=0)
    memory = MemoryRequest(
        serving=serving, rows=rows, batches=(1,), soak_calls=200, soak_seconds=5, seed=0, timeout_seconds=60
    )
    again = DeterminismRequest(
        serving=serving, rows=rows, golden_rows=10, invariance_rows=10, seed=0, golden=golden / "golden.parquet"
    )
    return {
        "time": lambda: time_calls(latency), "serve": lambda: watch_memory(memory), "repeat": lambda: answer_again(again)
    }  # fmt: skip


def test_nothing_is_measured_on_another_target(served: Serving, sets: DataSets, tmp_path: Path) -> None:
    """Times on a CPU say nothing of a GPU."""
    elsewhere = served.model_copy(update={"target": "cuda"})
    if prove_provider(elsewhere, sets.production).session_provider == "CUDAExecutionProvider":
        pytest.skip("this machine has a GPU")
    for measure in asked(elsewhere, sets.production, tmp_path).values():
        with pytest.raises(StageError, match="the target is cuda, but the session runs on CPUExecutionProvider"):
            measure()


def test_without_rows_nothing_is_measured(served: Serving, empty: Path, tmp_path: Path) -> None:
    """An empty sample leaves no numbers anywhere."""
    for what, measure in asked(served, empty, tmp_path).items():
        with pytest.raises(StageError, match=f"the production sample has no row with inputs to {what}"):
            measure()
    with pytest.raises(StageError, match="no production row could be answered, so no node ran"):
        prove_provider(served, empty)


def test_an_adapter_that_always_fails_leaves_no_numbers(
    other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """Quick answers that are all failures are neither a latency nor a memory, nor are they the same answers."""
    wanted = {
        "time": "none of the first production rows could be answered, so there is nothing to time",
        "serve": "none of the first production rows could be answered, so there is nothing to watch",
        "repeat": "the adapter answered none of the 1200 production rows",
    }
    for what, measure in asked(other(ALL_FAIL), sets.production, tmp_path).items():
        with pytest.raises(StageError, match=wanted[what]):
            measure()
