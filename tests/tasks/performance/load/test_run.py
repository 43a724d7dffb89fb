"""Whole runs: generator, queue, workers and record, against answerers that stall, lock, fail and hang."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.evidence import LoadRun, PoissonArrivals, Replica
from tasks.performance.load import request_log as raw
from tasks.performance.load.arrivals import scheduled
from tasks.performance.load.generator import Generator
from tasks.performance.load.request_log import read_raw, response_seconds
from tasks.performance.load.run import Offer, own_engine, run_load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.process

NANOSECOND = 1e-9
ONE = Replica(largest_batch=1)


class Asked:
    """Does something at each call, then answers."""

    def __init__(self, do: Callable[[int, NDArray[np.intp]], None]) -> None:
        self.calls, self.do = 0, do

    def __len__(self) -> int:
        return 50

    def answer(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Answer well what the deed lets through."""
        self.calls += 1
        self.do(self.calls, rows)
        return np.ones(len(rows), dtype=bool)


def nothing(_call: int, _rows: NDArray[np.intp]) -> None:
    """Answer at once."""


def offer(**changes: object) -> Offer:
    """Return a small load; its SLO is so long that no machine that runs tests is too late to tell."""
    values = {"replica": ONE, "rate": 200, "seconds": 1, "seed": 5, "slo_ms": 100_000, "drain_seconds": 20} | changes
    return Offer.model_validate(values)


def run(
    out: Path, do: Callable[[int, NDArray[np.intp]], None], **changes: object
) -> tuple[LoadRun, dict[str, np.ndarray]]:
    """Return the record of a run, and its requests."""
    with Generator() as generator:
        found = run_load(Asked(do), offer(**changes), out / "variants" / "fp32", own_engine(generator))
    path = out / found.raw.path
    assert digest(path) == found.raw.sha256
    return found, read_raw(path)


def test_a_run_leaves_a_record_of_every_request(tmp_path: Path) -> None:
    """Each request once, in order of its schedule, sent when due and not before, and done after that."""
    found, table = run(tmp_path, nothing)
    due = scheduled(PoissonArrivals(), 200, 1, 5)
    assert (found.engine, found.requests) == ("launchgate", len(due))
    assert (found.answered, found.failed, found.unfinished) == (len(due), 0, 0)
    assert list(table) == list(raw.COLUMNS)
    assert {len(column) for column in table.values()} == {len(due)} == {found.raw.rows}
    assert (np.diff(table["scheduled"]) >= 0).all()
    assert table["scheduled"][0] >= 0
    assert (table["dispatched"] - table["scheduled"] > -NANOSECOND).all()  # to which schedules are rounded
    assert (table["completed"] >= table["dispatched"]).all()
    assert set(table["batch"]) == {1}
    assert set(table["outcome"]) == {"answered"}
    assert table["row"].tolist() == np.random.default_rng([5, len(due)]).integers(50, size=len(due)).tolist()
    late = np.sort(table["dispatched"] - table["scheduled"])
    assert found.lateness.max_seconds == pytest.approx(late[-1])
    assert found.lateness.p50_seconds <= found.lateness.p99_seconds <= found.lateness.max_seconds
    assert 0 < found.utilisation <= 1
    assert found.mean_batch == 1
    assert (response_seconds(table) > 0).all()
    np.testing.assert_allclose(table["scheduled"], due)


def test_a_stall_in_one_call_of_a_hundred_is_felt_by_all_who_wait_behind_it(tmp_path: Path) -> None:
    """One call in a hundred is all that a closed loop would see of it; here it is the queue behind it too."""
    found, table = run(tmp_path, lambda call, _: time.sleep(0.3 if call % 100 == 50 else 0))
    assert found.answered == found.requests
    stalls = found.requests // 100
    assert (response_seconds(table) > 0.1).sum() > 10 * stalls  # 200 a second arrive in the 0.2 s left of each


def test_a_lock_around_the_model_serialises_its_workers(tmp_path: Path) -> None:
    """Four workers with a lock answer no more than one of them could; without it they answer side by side."""
    lock, inside, most = threading.Lock(), 0, 0

    def locked(_call: int, _rows: NDArray[np.intp]) -> None:
        with lock:
            time.sleep(0.02)

    def free(_call: int, _rows: NDArray[np.intp]) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.02)
        inside -= 1

    four = Replica(largest_batch=1, instances=4)
    _, table = run(tmp_path, locked, replica=four, rate=100)
    done = np.sort(table["completed"])
    assert done[-1] - done[0] >= 0.02 * (len(done) - 1) - 0.01
    assert np.quantile(response_seconds(table), 0.9) > 0.2
    run(tmp_path, free, replica=four, rate=100)
    assert most > 1


def test_failed_requests_are_counted_and_have_no_finite_time(tmp_path: Path) -> None:
    """A quick failure is no quick answer."""

    def refuse(_call: int, rows: NDArray[np.intp]) -> None:
        if (rows < 5).any():
            raise ValueError("no")

    found, table = run(tmp_path, refuse)
    refused = table["row"] < 5
    assert found.failed == refused.sum() > 0
    assert found.answered == (~refused).sum()
    assert np.isinf(response_seconds(table)[refused]).all()
    assert np.isfinite(table["completed"]).all()


def test_what_is_not_done_in_time_is_unfinished(tmp_path: Path) -> None:
    """A call that hangs, and all that wait behind it; and while it hangs, the server is of no use for another run."""
    go_on = threading.Event()
    try:
        found, table = run(tmp_path, lambda call, _: None if call < 20 else go_on.wait(60) or None, drain_seconds=0.2)
        assert found.answered == 19
        assert found.unfinished == found.requests - 19
        assert np.isinf(response_seconds(table)[table["outcome"] == "unfinished"]).all()
        with pytest.raises(StageError, match="a call of an earlier run has not come back"):
            run(tmp_path, nothing)
    finally:
        go_on.set()
        time.sleep(0.2)


def test_a_generator_that_was_too_late_says_nothing_of_the_server(tmp_path: Path) -> None:
    """Its own lateness would be taken for the server's."""
    with pytest.raises(
        StageError, match=r"ms late at p99, over 5% of the 1e-06 ms that are to be told: it was too slow"
    ):
        run(tmp_path, nothing, slo_ms=1e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other schedulers")
def test_a_generator_that_has_sent_all_is_in_nobodys_way() -> None:
    """It goes before the server while it sends, and not after that: the last requests are still being answered."""
    code = "from tasks.performance.load.generator import *; go_first(); step_back(); print(os.sched_getscheduler(0), os.nice(0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(os.SCHED_OTHER), str(os.nice(0))]


def test_a_generator_sends_one_run_after_another(tmp_path: Path) -> None:
    """Its process is started once; after it was ended, by whomever, the next run but one starts another."""
    with Generator() as generator:
        pids = []
        for _ in range(2):
            run_load(Asked(nothing), offer(seconds=0.2), tmp_path, own_engine(generator))
            assert generator.pid is not None
            pids.append(generator.pid)
        assert pids[0] == pids[1]
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(StageError, match="was ended by SIGKILL"):
            run_load(Asked(nothing), offer(seconds=0.2), tmp_path, own_engine(generator))
        assert run_load(Asked(nothing), offer(seconds=0.2), tmp_path, own_engine(generator)).answered
        assert generator.pid != pids[0]


def test_a_time_without_requests_is_no_run(tmp_path: Path) -> None:
    """Too short a time at too low a rate."""
    with pytest.raises(StageError, match=r"no request falls into 0.001 s at 1 a second"):
        run(tmp_path, nothing, rate=1, seconds=0.001)


def test_without_pandas_the_requests_are_kept_as_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with numpy alone keeps the same columns, each run under a number of its own."""
    monkeypatch.setattr(raw, "find_spec", lambda _: None)
    (one, table), (two, again) = run(tmp_path, nothing, seconds=0.3), run(tmp_path, nothing, seconds=0.3)
    assert [one.raw.path, two.raw.path] == ["variants/fp32/load-001.npz", "variants/fp32/load-002.npz"]
    assert list(table) == list(raw.COLUMNS)
    assert np.isfinite(response_seconds(again)).all()
