"""The latency lab: a model that ends its process is evidence, and what is measured without the candidate's libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import ModelError, StageError
from tasks.core.files import digest
from tasks.evidence import BatchTimes, ColdStartEvidence
from tasks.performance.latency.closed_loop import _by_length, measure_latency
from tasks.performance.latency.cold_start import CALL, measure_cold_start
from tasks.performance.latency.encoded import SHAPE, EncodedServer
from tasks.performance.latency.interleaved import compare_with_champion
from tasks.performance.latency.noise import Watch
from tasks.performance.latency.offline import write_request
from tasks.performance.latency.request import CallTimes, Encoded, LatencyRequest, LatencyResponse
from tasks.serving.server import Server
from tasks.statistics import paired_ratio_of_medians, settling_point

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets

ROOT = Path(__file__).parents[4]
NOT_INSTALLED = (
    "pandas", "pyarrow", "scipy", "torch", "yaml", "prefect", "mlflow", "orjson", "psutil", "matplotlib", "sklearn",
    "boto3", "great_expectations", "rich", "typer", "jinja2", "phonenumbers", "stdnum", "rapidfuzz", "packaging",
    "safetensors", "onnx", "onnxscript", "py3langid",
)  # fmt: skip
ALONE = f"""
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_INSTALLED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = ["tasks.performance.latency", *sys.argv[1:]]
runpy.run_module("tasks.performance.latency", run_name="__main__", alter_sys=True)
"""


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
def test_it_times_a_graph_without_the_candidates_libraries(
    served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """Encoded inputs, the graph and a request are enough where nothing but numpy, pydantic and onnxruntime can be imported."""
    write_request(served, sets.production, measuring, 0, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, "request.json"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = LatencyResponse.model_validate(json.loads(done.stdout))
    assert {times.batch: len(times.session) for times in found.batches} == {1: 40, 8: 20}
    assert all(seconds > 0 for times in found.batches for seconds in times.session)
    assert found.noise.control_calls > 0


@pytest.mark.process
def test_encoded_rows_are_answered_as_the_adapter_would_have_them(
    served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """Any rows by their numbers, padded to the longest of them alone."""
    request = LatencyRequest.model_validate_json(
        write_request(served, sets.production, measuring, 0, tmp_path).read_bytes()
    )
    assert request.encoded is not None
    paths = {"graph": tmp_path / request.encoded.graph, "inputs": tmp_path / request.encoded.inputs}
    encoded = EncodedServer(request.encoded.model_copy(update=paths))
    rows = pd.read_parquet(sets.production, columns=["text"]).dropna().reset_index(drop=True)
    shortest = rows["text"].str.len().argsort().tolist()
    server = Server(served)
    for chosen in (shortest[:5], [shortest[-1], shortest[0], 7], [3]):
        wanted = server.predict(rows.iloc[chosen].reset_index(drop=True)).outputs
        assert encoded.answer(chosen).keys() == wanted.keys()
        assert all(np.array_equal(encoded.answer(chosen)[name], wanted[name]) for name in wanted)
    assert encoded.rows == len(rows)
    with np.load(paths["inputs"]) as kept:
        assert kept[SHAPE + "words"].shape == (len(rows), 1)
    few = tmp_path / "few.npz"
    np.savez(few, other=np.zeros(3))
    with pytest.raises(StageError, match="lacks the graph's input words; it has"):
        EncodedServer(Encoded(graph=paths["graph"], inputs=few, target="cpu"))


@pytest.mark.process
def test_inputs_that_can_not_be_encoded_once_are_refused(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """Where a row's inputs hang on its neighbours, one encoding of it is not what is served."""
    mixed = other(('return {"words": words}', 'return {"words": words + words.max() % 2}'))
    with pytest.raises(StageError, match="gives the input words of a row other values beside other rows"):
        write_request(mixed, sets.production, measuring, 0, tmp_path / "alone")


def test_a_request_names_rows_or_encoded_inputs(served: Serving, sets: DataSets) -> None:
    """Both, neither, or a variant without rows is a mistake."""
    parts: dict[str, Any] = {"batches": (1,), "calls": {1: 5}, "seconds": {1: 1}, "seed": 0}
    encoded = Encoded(graph=Path("model.onnx"), inputs=Path("inputs.npz"), target="cpu")
    for wrong in ({}, {"serving": served}, {"serving": served, "rows": sets.production, "encoded": encoded}):
        with pytest.raises(ValueError, match="give either serving and rows, or encoded"):
            LatencyRequest(**parts, **wrong)


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


@pytest.mark.process
def test_other_processes_count_as_load_and_own_ones_do_not() -> None:
    """A busy process of another session raises the load; the share stays within none and all."""
    watch = Watch()
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            watch.tick()
            time.sleep(0.01)
        seen = watch.read()
    finally:
        busy.kill()
        busy.wait()
    assert seen.other_load is not None
    assert 0 < seen.other_load <= 1
    assert seen.other_load * seen.machine_cores > 0.3
    assert "other processes took" in seen.note


def test_a_series_settles_where_its_rolling_median_stays() -> None:
    """Ten slow calls first; one slow call later is not a change of the median; a drift to the end never settles."""
    assert settling_point([*[9.0] * 10, *[1.0] * 30, 9.0, *[1.0] * 30], 0.25, 7) == 7
    assert settling_point([1.0] * 20, 0.25, 7) == 0
    assert settling_point([9.0, *[1.0] * 40], 0.25, 7) == 0
    assert settling_point(np.geomspace(1, 100, 60), 0.25, 7) is None
    assert settling_point([1.0] * 13, 0.25, 7) is None


def test_pairs_tell_a_ratio_that_a_drifting_machine_hides() -> None:
    """A machine that becomes three times slower moves both of a pair; what is not paired or not positive is refused."""
    live = np.random.default_rng(1).lognormal(0, 0.02, 200) * np.linspace(1, 3, 200)
    ratio = paired_ratio_of_medians(1.1 * live, live, 0.95, seed=0)
    assert ratio.low == pytest.approx(1.1) == ratio.high
    near = paired_ratio_of_medians(live * np.random.default_rng(2).lognormal(0, 0.02, 200), live, 0.95, seed=0)
    assert near.low < 1 < near.high
    assert near.high - near.low < 0.1
    with pytest.raises(ValueError, match="pairs need as many of each"):
        paired_ratio_of_medians([1.0] * 9, [1.0] * 8, 0.95, seed=0)
    with pytest.raises(ValueError, match="values above 0"):
        paired_ratio_of_medians([1.0] * 9, [0.0] * 9, 0.95, seed=0)


def test_batches_without_parts_are_still_evidence() -> None:
    """Times alone, as of a batch size at which no call was answered, leave the rest out."""
    assert (BatchTimes(batch=8, seconds=()).parts, BatchTimes(batch=8, seconds=()).elements) == ((), None)
