"""Percentiles under load: how a run bounds them, what it settles, and how often it is wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.exponential_queue import EXPONENTIAL_P99, RATE, queue

from tasks.statistics import (
    Arrivals,
    ResponseBound,
    Responses,
    confidence_at_look,
    replay_run,
    requests_to_look,
    response_bound,
    slo_verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

REQUESTS = 6_000


def run(seed: int, count: int = REQUESTS, used: float = 0.5) -> Responses:
    """Return a run of a queue with exponential services, and its replay."""
    return replay_run(*queue(np.random.default_rng(seed), count, used), Arrivals(RATE), 1)


def values(seconds: list[float] | NDArray[np.float64], q: float = 0.99) -> ResponseBound:
    """Bound a quantile of a run whose servers nobody knows."""
    return response_bound(replay_run(np.arange(len(seconds)) / RATE, seconds), q, 0.95)


@pytest.mark.parametrize(
    ("seconds", "because"),
    [
        (np.where(np.arange(REQUESTS) == 7, np.inf, 0.001), "1 requests failed"),
        (queue(np.random.default_rng(5), REQUESTS, 0.9)[1], "busy 89%"),
    ],
)
def test_a_run_that_cannot_be_replayed_is_bounded_by_its_values(seconds: NDArray[np.float64], because: str) -> None:
    """Failures, and servers so busy that no replay is safe; the bound says why."""
    arrived = queue(np.random.default_rng(5), REQUESTS, 0.9)[0]
    found = response_bound(replay_run(arrived, seconds, Arrivals(RATE), 1), 0.99, 0.95)
    assert found.method == "values"
    assert because in found.because


def test_few_requests_have_no_upper_bound() -> None:
    """Sixty above the percentile are what a run must be expected to hold, however fast all of them were."""
    assert requests_to_look(0.99) == REQUESTS
    assert values([0.001] * (REQUESTS - 1)).high is None
    assert values([0.001] * REQUESTS).high == pytest.approx(0.0015)  # raised by half, as the servers are unknown
    verdict = slo_verdict(run(7, 200), 0.99, 0.95, 10.0)
    assert (verdict.outcome, verdict.more_requests) == ("inconclusive", REQUESTS - 200)


def test_a_stall_says_less_than_as_many_slow_requests_apart() -> None:
    """Twenty slow requests of 6,000 in one block leave p99 open at 50 ms; spread out they don't, nor are all under 100 ms."""
    apart, together = np.full(REQUESTS, 0.005), np.full(REQUESTS, 0.005)
    apart[::150] = 0.06
    together[300:340] = 0.06
    assert (values(apart).high or math.inf) < 0.05 < (values(together).high or math.inf) < 0.1


def test_a_run_passes_fails_and_says_how_much_more_would_tell() -> None:
    """Far from the limit it is settled; close to it the requests grow with the square of the closeness."""
    found = run(8)
    bound = response_bound(found, 0.99, 0.95)
    assert (bound.method, bound.because, bound.requests) == ("replay", "", REQUESTS)
    assert bound.low is not None
    assert bound.high is not None
    assert bound.low < bound.estimate < bound.high
    assert slo_verdict(found, 0.99, 0.95, 1.01 * bound.high).outcome == "pass"
    assert slo_verdict(found, 0.99, 0.95, 0.99 * bound.low).outcome == "fail"
    assert found.replayed is not None
    at = [float(np.quantile(found.replayed, q)) for q in (0.991, 0.9905)]
    near, nearer = (slo_verdict(found, 0.99, 0.95, limit).more_requests for limit in at)
    assert near is not None
    assert nearer is not None
    assert nearer + REQUESTS == pytest.approx(4 * (near + REQUESTS), rel=0.1)


def test_all_requests_over_a_limit_fail_and_lost_ones_are_over_any() -> None:
    """What is over everywhere leaves no doubt; a request without an answer is slower than any limit."""
    assert values([0.2] * 300).low == 0.2
    lost = values([math.inf if at % 50 == 0 else 0.001 for at in range(REQUESTS)])
    assert (lost.low, lost.estimate, lost.high) == (math.inf, math.inf, math.inf)


def test_looks_share_the_chance_to_be_wrong() -> None:
    """Each may be wrong half as often as the one before, so that any number of them keeps the confidence."""
    wrong = [1 - confidence_at_look(0.95, look) for look in range(1, 20)]
    assert wrong[:2] == pytest.approx([0.025, 0.0125])
    assert sum(wrong) <= 0.05
    with pytest.raises(ValueError, match="look 0 must be 1 or later"):
        confidence_at_look(0.95, 0)


def test_replayed_minutes_rarely_pass_what_is_over_and_mostly_what_is_under() -> None:
    """Of 12 minutes, at most 2 pass at 5% over, and at least 9 at 65% of the limit (the chance of fewer is 2% at a power of 90%)."""
    highs = [response_bound(run(seed), 0.99, 0.95).high or math.inf for seed in range(12)]
    assert sum(high <= EXPONENTIAL_P99 / 1.05 for high in highs) <= 2
    assert sum(high <= EXPONENTIAL_P99 / 0.65 for high in highs) >= 9


@pytest.mark.parametrize(
    "ask",
    [
        lambda: replay_run([], []),
        lambda: replay_run([0.0], [math.nan]),
        lambda: response_bound(replay_run([0.0], [1.0]), 1.0, 0.95),
        lambda: response_bound(replay_run([0.0], [1.0]), 0.5, 0.5),
    ],
)
def test_what_cannot_be_answered_is_an_error(ask: Callable[[], object]) -> None:
    """Senseless input raises, so that no number stands for its absence."""
    with pytest.raises(ValueError, match=r"\w"):
        ask()
