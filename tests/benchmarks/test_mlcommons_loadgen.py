"""MLPerf LoadGen in the generator's place: the same record of its runs, and one sentence where it can't run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.core.errors import InputError, StageError
from tasks.evidence import GammaArrivals, LoadRun, Replica
from tasks.performance.load import request_log
from tasks.performance.load.generator import Generator
from tasks.performance.load.request_log import read_raw, response_seconds
from tasks.performance.load.run import Offer, own_engine, run_load

if TYPE_CHECKING:
    from numpy.typing import NDArray

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NANOSECOND = 1e-9
SECONDS = 100_000  # no machine that runs tests is too late to tell


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the benchmark's module, which its own child processes can import too."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("PYTHONPATH", str(BENCHMARKS))
    import mlcommons_loadgen

    yield mlcommons_loadgen
    del sys.modules["mlcommons_loadgen"]


class Answerer:
    """Answers well, but refuses the first five rows, and stalls where it is told to."""

    def __init__(self, stall_at: int = -1, seconds: float = 0) -> None:
        self.calls, self.stall_at, self.seconds = 0, stall_at, seconds

    def __len__(self) -> int:
        return 50

    def answer(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Answer."""
        self.calls += 1
        if self.calls == self.stall_at:
            time.sleep(self.seconds)
        if (rows < 5).any():
            raise ValueError("no")
        return np.ones(len(rows), dtype=bool)


def run(engine: Any, answerer: Answerer, out: Path, **changes: object) -> tuple[LoadRun, dict[str, np.ndarray]]:
    """Return the record of a run by LoadGen, and its requests."""
    values = {"replica": Replica(largest_batch=1), "rate": 200, "seconds": 1, "seed": 5, "slo_ms": SECONDS} | changes
    found = run_load(answerer, Offer.model_validate(values), out / "variants" / "fp32", engine.loadgen())
    return found, read_raw(out / found.raw.path)


@pytest.mark.process
def test_loadgen_leaves_the_record_that_the_own_generator_leaves(engine: Any, tmp_path: Path) -> None:
    """As many requests for the same rows, each once, in order of its schedule, sent when due and done after that."""
    pytest.importorskip("mlperf_loadgen")
    found, table = run(engine, Answerer(), tmp_path)
    offer = Offer(replica=Replica(largest_batch=1), rate=200, seconds=1, seed=5, slo_ms=SECONDS)
    with Generator() as generator:
        own = run_load(Answerer(), offer, tmp_path / "variants" / "fp32", own_engine(generator))
    rows = read_raw(tmp_path / own.raw.path)["row"]
    assert (own.engine, found.engine, found.engine_version) == ("launchgate", "mlperf-loadgen", engine.version())
    assert found.requests == own.requests
    assert list(table) == list(request_log.COLUMNS)
    np.testing.assert_array_equal(table["row"], rows)
    assert (np.diff(table["scheduled"]) >= 0).all()
    assert (table["dispatched"] - table["scheduled"] > -NANOSECOND).all()  # to which schedules are rounded
    assert (table["completed"] >= table["dispatched"]).all()
    refused = rows < 5
    assert (found.answered, found.failed, found.unfinished) == ((~refused).sum(), refused.sum(), 0)
    assert np.isinf(response_seconds(table)[refused]).all()
    assert np.isfinite(response_seconds(table)[~refused]).all()
    assert found.lateness.max_seconds == pytest.approx((table["dispatched"] - table["scheduled"]).max())


@pytest.mark.process
def test_what_loadgen_is_not_told_of_in_time_is_unfinished(engine: Any, tmp_path: Path) -> None:
    """A call that hangs, and all that wait behind it: LoadGen is told that they are done, and the record that they are not."""
    pytest.importorskip("mlperf_loadgen")
    found, table = run(engine, Answerer(stall_at=20, seconds=3), tmp_path, drain_seconds=0.2)
    assert found.answered + found.failed == 19
    assert found.unfinished == found.requests - 19
    assert np.isinf(response_seconds(table)[table["outcome"] == "unfinished"]).all()


def test_loadgen_offers_poisson_arrivals_alone(engine: Any, tmp_path: Path) -> None:
    """Other processes are refused, not replaced."""
    pytest.importorskip("mlperf_loadgen")
    with pytest.raises(
        InputError, match="LoadGen's arrivals are Poisson; offer gamma ones with launchgate's generator"
    ):
        run(engine, Answerer(), tmp_path, arrivals=GammaArrivals(variation=2))


def test_without_the_package_one_sentence_says_so(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names what to install."""
    monkeypatch.setattr(engine, "DISTRIBUTION", "mlcommons-loadgen-elsewhere")
    with pytest.raises(StageError, match=r"mlcommons-loadgen-elsewhere is not installed .* from infra/locks/test.txt"):
        engine.loadgen()


def test_a_trace_that_lacks_requests_is_refused(engine: Any, tmp_path: Path) -> None:
    """What is not told did not happen at time 0."""
    line = (
        '{{"name":"Sample","cat":"default","ph":"b","pid":1,"id":{0},"ts":{1},"args":{{"sample_seq":{0},"query_seq":{0},'
        '"sample_idx":7,"issue_start_ns":300,"complete_ns":80571}}}},\n'
    )
    trace = tmp_path / "trace.json"
    trace.write_text(
        '{"name":"LogDetail","args":{"key":""version""}},\n' + line.format(1, 4780.1) + line.format(0, 4680.1)
    )
    np.testing.assert_allclose(
        engine.read_trace(trace, 2), [[0, 1e-4], [3e-7, 1.003e-4], [8.0571e-5, 1.80571e-4]], rtol=1e-6, atol=1e-12
    )
    with pytest.raises(StageError, match=r"trace.json holds 2 requests of 3"):
        engine.read_trace(trace, 3)
