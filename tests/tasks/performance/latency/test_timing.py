"""Calls of each batch size in turns, as long as there is time for them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support.tiny import SOME_FAIL

from tasks.performance.latency.request import LatencyRequest
from tasks.performance.latency.timing import OVERTIME, schedule, time_calls

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tasks.core.records import Serving
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process


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
