"""A loaded model in a process of its own, asked for one run after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from support.tiny import ALL_FAIL, SOME_FAIL

from tasks.core.errors import StageError
from tasks.core.worker import run_worker
from tasks.evidence import PoissonArrivals, Replica
from tasks.performance.load.arrivals import scheduled
from tasks.performance.load.load_test import LoadTest
from tasks.performance.load.run import Offer
from tasks.performance.load.sample_rows import SampleRows, ServedRows
from tasks.performance.load.server_under_test import ServerOpening
from tasks.performance.load.worker import LoadRuns, Offers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process

DIES_AT_FOUR = ("found = [", "import os\n    len(texts) < 4 or os._exit(7)\n    found = [")
LONG_MS = 100_000  # no machine that runs tests is too late to tell


def opening(serving: Serving, sets: DataSets, out: Path) -> ServerOpening:
    """Return how a child serves the production sample."""
    rows = SampleRows(serving=serving, rows=sets.production)
    return ServerOpening(
        opener="tasks.performance.load.sample_rows:open_rows", arguments=rows.model_dump(mode="json"), out=out
    )


def test_a_search_probes_one_rate_after_another(served: Serving, sets: DataSets, tmp_path: Path) -> None:
    """Response seconds in order of arrival, of as many requests as were due, whatever the replica is."""
    replicas = (Replica(largest_batch=8, longest_wait_ms=2), Replica(largest_batch=1, instances=2))
    out = tmp_path / "variants" / "fp32"
    with LoadTest(opening(served, sets, out), PoissonArrivals(), LONG_MS) as test:
        for replica, rate in zip(replicas, (100, 50), strict=True):
            seconds = test.probe(replica, rate, 3, 1)
            assert len(seconds) == len(scheduled(PoissonArrivals(), rate, 1, 3))
            assert np.isfinite(seconds).all()
            assert (seconds > 0).all()
    assert [run.replica for run in test.runs] == list(replicas)
    assert [run.raw.path for run in test.runs] == ["variants/fp32/load-001.parquet", "variants/fp32/load-002.parquet"]
    assert all(1 <= (run.mean_batch or 0) <= run.replica.largest_batch for run in test.runs)


def test_requests_that_the_model_refuses_are_infinite(
    other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """A row in ten is refused, and alone in its batch it alone is without an answer."""
    with LoadTest(opening(other(SOME_FAIL), sets, tmp_path / "fp32"), PoissonArrivals(), LONG_MS) as test:
        seconds = test.probe(Replica(largest_batch=1), 200, 0, 1)
    kept = pd.read_parquet(tmp_path / "fp32" / "load-001.parquet")
    texts = pd.read_parquet(sets.production)["text"].dropna().to_numpy()[kept["row"]]
    short = np.array([len(text) <= 3 for text in texts])
    assert short.any()
    assert np.array_equal(np.isinf(seconds), short)
    assert test.runs[0].failed == short.sum()


def test_a_model_that_answers_nothing_is_not_put_under_load(
    other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """Quick failures are no load; the reason is told as often as one asks."""
    with LoadTest(opening(other(ALL_FAIL), sets, tmp_path / "fp32"), PoissonArrivals(), LONG_MS) as test:
        for _ in range(2):
            with pytest.raises(StageError, match="none of the first production rows could be answered"):
                test.probe(Replica(largest_batch=1), 50, 0, 1)


def test_a_server_that_crashes_is_no_result(other: Callable[..., Serving], sets: DataSets, tmp_path: Path) -> None:
    """Its run is a StageError, and so is every later one."""
    with LoadTest(opening(other(DIES_AT_FOUR), sets, tmp_path / "fp32"), PoissonArrivals(), LONG_MS) as test:
        assert np.isfinite(test.probe(Replica(largest_batch=1), 50, 0, 1)).all()
        for _ in range(2):
            with pytest.raises(StageError, match=r"tasks.performance.load stopped"):
                test.probe(Replica(largest_batch=4), 50, 0, 1)


def test_a_run_that_says_nothing_is_made_once_more(
    other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """What disturbed the machine once need not cost the search; its record is that of the second run."""
    late = other(
        ("import numpy as np\n", "from itertools import count\n\nimport numpy as np\n\nCALLS = count()\n"),
        ("found = [", "assert next(CALLS) >= 100, 'not yet'\n    found = ["),
    )
    with LoadTest(opening(late, sets, tmp_path / "fp32"), PoissonArrivals(), LONG_MS) as test:
        assert np.isfinite(test.probe(Replica(largest_batch=1), 50, 0, 1)).all()
    assert [run.answered == run.requests for run in test.runs] == [True]


def test_loads_are_offered_from_a_file_too(served: Serving, sets: DataSets, tmp_path: Path) -> None:
    """On a worker without this program's flows, one file asks for all runs."""
    one = Offer(replica=Replica(largest_batch=2), rate=50, seconds=0.5, seed=0, slo_ms=LONG_MS)
    request = Offers[ServerOpening, Offer](opening=opening(served, sets, tmp_path / "fp32"), offers=(one, one))
    runs = run_worker("tasks.performance.load", request, LoadRuns, 120).runs
    assert [run.answered for run in runs] == [run.requests for run in runs] == [runs[0].requests] * 2


def test_an_answer_is_good_with_a_confidence_or_where_it_abstains(
    other: Callable[..., Serving], sets: DataSets
) -> None:
    """A confidence that is not finite fails its row alone."""
    answer = 'pd.DataFrame({"prediction": LABELS[chance.argmax(axis=1)], "confidence": chance.max(axis=1)})'
    spoil = 'said.loc[1, "confidence"] = np.nan\n    said.loc[2] = [None, np.nan]'
    spoilt = other((f"return {answer}", f"said = {answer}\n    {spoil}\n    return said"))
    rows = ServedRows(SampleRows(serving=spoilt, rows=sets.production), threads=1)
    assert rows.answer(np.arange(4)).tolist() == [True, False, True, True]


def test_without_rows_nothing_is_asked_for(served: Serving, sets: DataSets, tmp_path: Path) -> None:
    """An empty sample has no request."""
    pd.read_parquet(sets.production).head(0).to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(StageError, match="the production sample has no row with inputs to ask for"):
        ServedRows(SampleRows(serving=served, rows=tmp_path / "empty.parquet"), threads=1)
