"""Latency, determinism and the proof of the provider, each on the tiny candidate's real graph."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.performance.latency.closed_loop import measure_latency
from tasks.performance.latency.request import LatencyRequest
from tasks.performance.latency.timing import OVERTIME, schedule, time_calls
from tasks.performance.memory.measure import MemoryRequest, watch_memory
from tasks.serving.determinism import DeterminismRequest, DeterminismResponse, answer_again, measure_determinism
from tasks.serving.provider import prove_provider

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process

SOME_FAIL = ("found = [", "assert rows['text'].str.len().min() > 3\n    found = [")  # a row in ten
ALL_FAIL = ("found = [", "assert False, 'never'\n    found = [")
CONFIDENCE = '"confidence": chance.max(axis=1)'


@pytest.fixture
def empty(tmp_path: Path, sets: DataSets) -> Path:
    """Return a production sample without rows."""
    path = tmp_path / "empty.parquet"
    pd.read_parquet(sets.production).head(0).to_parquet(path)
    return path


def test_latency_keeps_every_call_that_it_timed(
    served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """Each batch size has its calls, all positive, and the raw file holds the same numbers under its digest."""
    found = measure_latency(served, sets.production, measuring, seed=0, out=tmp_path / "variants" / "fp32")
    assert {item.batch: len(item.seconds) for item in found.batches} == {1: 40, 8: 20}
    assert min(min(item.seconds) for item in found.batches) > 0
    assert found.first_call_seconds > 0 < found.load_seconds
    raw = tmp_path / found.raw.path
    assert digest(raw) == found.raw.sha256
    saved = pd.read_parquet(raw)
    assert tuple(saved.loc[saved["batch"] == 8, "seconds"]) == found.batches[1].seconds


def test_batch_sizes_take_turns_over_the_whole_time() -> None:
    """Every round has its share of each size, so that a machine that slows down slows all of them."""
    import random as module

    draw: random.Random = module.Random(0)
    order = schedule({1: 100, 8: 20, 32: 20}, draw)
    assert Counter(order) == {1: 100, 8: 20, 32: 20}
    for start in range(0, 140, 7):
        assert Counter(order[start : start + 7]) == {1: 5, 8: 1, 32: 1}


def test_a_batch_size_stops_when_its_time_is_up(served: Serving, sets: DataSets) -> None:
    """A slow model is timed for as long as the policy gives it, and at least once a batch size."""
    request = LatencyRequest(
        serving=served, rows=sets.production, batches=(1, 8), calls={1: 10_000_000, 8: 5}, seconds={1: 0.05, 8: 5},
        seed=0,
    )  # fmt: skip
    request = request.model_copy(update={"calls": {1: 5000, 8: 5}})
    single, eight = time_calls(request).batches
    assert 0 < len(single.seconds) < 5000
    assert sum(single.seconds[:-1]) < OVERTIME * 0.05
    assert len(eight.seconds) == 5


def test_calls_that_fail_are_not_timed(other: Callable[..., Serving], sets: DataSets) -> None:
    """A batch with a row that fails leaves no time, and the next batch is tried."""
    request = LatencyRequest(
        serving=other(SOME_FAIL), rows=sets.production, batches=(1, 128), calls={1: 50, 128: 5},
        seconds={1: 5, 128: 5}, seed=0,
    )  # fmt: skip
    single, large = time_calls(request).batches
    assert 25 < len(single.seconds) < 50
    assert large.seconds == ()


def test_the_same_inputs_have_the_same_answers_again(
    served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """In process, after other work, in a fresh process, and in batches with other neighbours; and they are kept."""
    evidence, modules = measure_determinism(served, sets.production, measuring, 0, tmp_path / "variants" / "fp32")
    assert evidence.rows == 100
    assert [case.case for case in evidence.repeats] == [
        "repeated at once",
        "repeated after other work",
        "next input encoded before",
        "fresh process",
    ]
    assert all(case.bitwise and case.flips == 0 for case in evidence.repeats)
    assert [(case.case, case.rows, case.flips) for case in evidence.batches] == [
        ("batch 32", 64, 0), ("batch 64", 64, 0), ("batch 128", 64, 0),
    ]  # fmt: skip
    golden = pd.read_parquet(tmp_path / evidence.golden.path)
    assert list(golden) == ["input_text", "prediction", "confidence"]
    assert not (tmp_path / "variants" / "fp32" / "golden-fresh.parquet").exists()
    assert {"onnxruntime", "pandas", "numpy"} <= set(modules)
    assert "torch" not in modules  # only build needs it


def test_answers_by_chance_and_by_neighbour_are_found(
    other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """Noise differs from call to call, what encode left behind when the next input comes first, a scale by the batch."""

    def asked_again(change: str) -> DeterminismResponse:
        serving = other(
            ("LABELS = ", "LAST = {}\nLABELS = "),
            ('    return {"words": words}', '    LAST["words"] = words\n    return {"words": words}'),
            (CONFIDENCE, f'"confidence": chance.max(axis=1) {change}'),
        )
        request = DeterminismRequest(
            serving=serving,
            rows=sets.production,
            golden_rows=50,
            invariance_rows=64,
            seed=0,
            golden=tmp_path / "golden",
        )
        return answer_again(request)

    noisy = asked_again("* np.random.uniform(0.9, 1, len(chance))")
    assert all(case.max_abs is not None and case.max_abs > 0.01 for case in noisy.repeats)
    kept = asked_again("* np.random.default_rng(LAST['words'].sum()).uniform(0.9, 1, len(chance))")
    assert [case.max_abs == 0 for case in kept.repeats] == [True, True, False]
    scaled = asked_again("/ (1 + len(chance))")
    assert all(case.max_abs == 0 for case in scaled.repeats)
    assert all(case.max_abs is not None and case.max_abs > 0.1 for case in scaled.batches)


def test_every_node_is_counted_where_it_ran(served: Serving, sets: DataSets) -> None:
    """On a CPU all nodes run on the CPU's provider, and their time is counted."""
    found = prove_provider(served, sets.production)
    assert found.session_provider == found.wanted_provider == "CPUExecutionProvider"
    assert list(found.nodes) == ["CPUExecutionProvider"]
    assert found.nodes["CPUExecutionProvider"] >= 3
    assert found.node_seconds["CPUExecutionProvider"] > 0


def test_a_fall_back_to_the_cpu_is_in_the_evidence(served: Serving, sets: DataSets) -> None:
    """The proof itself runs where the session does, and says what was asked."""
    found = prove_provider(served.model_copy(update={"target": "cuda"}), sets.production)
    assert (found.asked, found.wanted_provider) == ("cuda", "CUDAExecutionProvider")
    if found.session_provider == "CPUExecutionProvider":
        assert list(found.nodes) == ["CPUExecutionProvider"]


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
