"""Latency in a closed loop: what is timed and kept, and a model that ends its process is a finding."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import ModelError, StageError
from tasks.core.files import digest
from tasks.performance.latency.closed_loop import _by_length, measure_latency
from tasks.performance.latency.request import CallTimes
from tasks.serving.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets


@pytest.mark.process
@pytest.mark.parametrize(
    ("does", "wanted"),
    [
        ("__import__('os').abort()", "tasks.performance.latency was ended by SIGABRT"),
        (
            "__import__('os').kill(__import__('os').getpid(), 9)",
            "ended by SIGKILL, as Linux does where memory runs out",
        ),
        ("while True: pass", "was not done after 8 s and was stopped"),
        ("raise MemoryError('no room')", "none of the first production rows could be answered.*MemoryError: no room"),
    ],
)
def test_a_model_that_ends_its_process_is_a_finding(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring, tmp_path: Path, does: str, wanted: str
) -> None:
    """Abort, hang, a kill for memory and an allocation that fails are told as what the model did, and this process lives."""
    ends = other(("    found = [", f"    {does}\n    found = ["))
    with pytest.raises(ModelError, match=wanted):
        measure_latency(ends, sets.production, measuring.model_copy(update={"stage_timeout_seconds": 8}), 0, tmp_path)


@pytest.mark.process
def test_what_the_machine_lacks_is_no_finding(
    served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """A target that is not there says nothing of the model."""
    if (tmp_path / "x").exists() or "CUDAExecutionProvider" in _session_provider(served):
        pytest.skip("this machine has a GPU")
    with pytest.raises(StageError, match="the target is cuda") as told:
        measure_latency(served.model_copy(update={"target": "cuda"}), sets.production, measuring, 0, tmp_path)
    assert not isinstance(told.value, ModelError)


def _session_provider(served: Serving) -> str:
    return Server(served.model_copy(update={"target": "cuda"}), any_provider=True).provider


@pytest.mark.process
def test_a_call_is_timed_in_its_parts(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """What decode takes is decode's, the parts are the whole, and padding and the machine are in the evidence."""
    slow = other(("    (logits,) =", "    __import__('time').sleep(0.005)\n    (logits,) ="))
    short = measuring.model_copy(update={"latency_calls": 120, "latency_seconds": 9})
    found = measure_latency(slow, sets.production, short, 0, tmp_path / "variants" / "fp32")
    single, eight = found.batches
    assert [part.part for part in single.parts] == ["encode", "session", "decode"]
    assert single.parts[2].median_ms > 5 > single.parts[1].median_ms
    assert [part.p99_ms is None for part in single.parts + eight.parts] == [False] * 3 + [True] * 3
    assert 0 < (single.elements or 0) < (eight.elements or 0)
    saved = pd.read_parquet(tmp_path / found.raw.path)
    assert np.allclose(saved["encode"] + saved["session"] + saved["decode"], saved["seconds"])
    assert found.steps == ()
    assert found.noise is not None
    assert found.noise.affinity == tuple(sorted(os.sched_getaffinity(0)))
    assert found.noise.control_calls > 5
    assert found.noise.control_p99_ms >= found.noise.control_median_ms > 0


def test_steps_are_told_by_how_many_an_answer_took() -> None:
    """First step and each one after it, of single answers; an answer of one step has no second."""
    times = CallTimes(
        batch=1, encode=(0.0,) * 4, session=(0.1,) * 4, decode=(0.0,) * 4, elements=3,
        steps=((1, 0.010, 0.010), (3, 0.012, 0.022), (3, 0.014, 0.026), (0, 0.0, 0.0)),
    )  # fmt: skip
    one, three = _by_length((times,))
    assert (one.steps, one.calls, one.first_step_ms, one.step_ms) == (1, 1, 10, None)
    assert (three.steps, three.calls) == (3, 2)
    assert (three.first_step_ms, three.step_ms) == (pytest.approx(13), pytest.approx(5.5))


@pytest.mark.process
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
