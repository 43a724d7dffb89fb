"""Percentiles under load: when they are replayed, when values alone bound them, and what a run settles."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.exponential_queue import EXPONENTIAL_P99, RATE, queue

from tasks.statistics import (
    Arrivals,
    confidence_at_look,
    dependent_quantile,
    response_bound,
    slo_verdict,
)
from tasks.statistics.queue_replay import replayed_service_times
from tasks.statistics.slo import _replayed_high

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def _longer_under_load(arrived: NDArray[np.float64], took: NDArray[np.float64]) -> NDArray[np.float64]:
    _, waited = replayed_service_times(arrived, took, 1)
    begun = arrived + waited
    answered = begun + (took - waited) * np.where(waited > 0, 0.8, 0.2)
    return np.asarray(np.maximum.accumulate(answered) - arrived)


@pytest.mark.parametrize(
    ("break_it", "because"),
    [
        (lambda _, took: np.where(np.arange(took.size) == 7, np.inf, took), "1 requests failed"),
        (lambda arrived, _: queue(np.random.default_rng(5), arrived.size, 0.97)[1], "busy 9"),
        (_longer_under_load, "take longer the more requests wait"),
        (lambda arrived, took: np.ceil((arrived + took) / 0.1) * 0.1 - arrived, "ended before"),
    ],
)
def test_a_run_that_is_no_such_queue_is_not_replayed(
    break_it: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]], because: str
) -> None:
    """Failures, overload, services that depend on the load and batches fall back on the values, and say why."""
    arrived, took = queue(np.random.default_rng(5), 4_000)
    broken = break_it(arrived, took)
    found = response_bound(arrived, broken, 0.99, 0.95, Arrivals(RATE), 1)
    assert found.method == "values"
    assert re.search(because, found.because)
    assert found.high == dependent_quantile(broken, 0.99, 0.95).high


def test_clusters_far_below_a_limit_leave_no_doubt_of_it() -> None:
    """Slow seconds bound no p99 of 6,500 requests by themselves; a stall within half of the limit changes nothing, more do."""
    random = np.random.default_rng(8)
    took = np.repeat(random.uniform(0.004, 0.014, 130), 50)
    arrived = np.arange(took.size) / RATE
    assert response_bound(arrived, took, 0.99, 0.95).high is None
    assert response_bound(arrived, took, 0.99, 0.95, limit=0.1).high == took.max()
    assert response_bound(arrived, took, 0.99, 0.95, limit=0.05).high is None
    took[300:306] = 0.03
    assert response_bound(arrived, took, 0.99, 0.95, limit=0.1).high == 0.03
    took[302] = 0.051
    assert response_bound(arrived, took, 0.99, 0.95, limit=0.1).high is None
    took[302] = 0.03
    took[4000:4010] = 0.03
    assert response_bound(arrived, took, 0.99, 0.95, limit=0.1).high is None


def test_few_requests_are_not_replayed() -> None:
    """Two seconds hold no p99, whatever they look like."""
    arrived, took = queue(np.random.default_rng(7), 200)
    found = response_bound(arrived, took, 0.99, 0.95, Arrivals(RATE), 1)
    assert found.because.endswith("it takes 2000")
    assert found.high is None
    verdict = slo_verdict(found, took, 10.0, 0.95)
    assert verdict.outcome == "inconclusive"
    assert verdict.more_requests is not None
    assert verdict.more_requests > 99


def test_a_replay_passes_fails_and_says_how_much_more_would_tell() -> None:
    """Far from the limit it is settled; close to it the requests grow with the square of the closeness."""
    arrived, took = queue(np.random.default_rng(8), 6_000)
    bound = response_bound(arrived, took, 0.99, 0.95, Arrivals(RATE), 1)
    assert bound.method == "replay"
    assert bound.long_run is not None
    assert slo_verdict(bound, took, 1.5 * bound.long_run, 0.95).outcome == "pass"
    assert slo_verdict(bound, took, bound.long_run / 1.5, 0.95).outcome == "fail"
    near, nearer = (slo_verdict(bound, took, bound.long_run / math.exp(gap), 0.95) for gap in (0.02, 0.01))
    assert near.outcome == nearer.outcome == "inconclusive"
    assert near.more_requests is not None
    assert nearer.more_requests is not None
    assert nearer.more_requests + 6_000 == pytest.approx(4 * (near.more_requests + 6_000), abs=4)
    assert slo_verdict(bound, took, bound.long_run, 0.95).more_requests is None


def test_services_that_are_hardly_known_leave_no_upper_bound() -> None:
    """The error grows with the percentile: small ones hardly matter, and one of a quarter reaches everything."""
    known, vague = _replayed_high(0.0, 0.01, 0.95), _replayed_high(0.0, 0.2, 0.95)
    assert known == pytest.approx(math.exp(1.729 * 0.01), abs=1e-3)
    assert vague is not None
    assert math.log(vague) == pytest.approx(1.729 * 0.2 * vague, rel=1e-3)
    assert _replayed_high(0.0, 0.25, 0.95) is None


def test_looks_share_the_chance_to_be_wrong() -> None:
    """Three looks are wrong no more often than one, and the last may be most often; there is no fourth."""
    wrong = [1 - confidence_at_look(0.95, look) for look in (1, 2, 3)]
    assert sum(wrong) == pytest.approx(0.05)
    assert wrong == sorted(wrong)
    with pytest.raises(ValueError, match="look 4 must be from 1 to 3"):
        confidence_at_look(0.95, 4)


def test_replayed_minutes_rarely_pass_what_is_over_and_mostly_what_is_under() -> None:
    """Of 12 minutes, at most 2 pass at 5% over, and at least 7 at 15% under (the chance of fewer is 2% at a power of 80%)."""
    random = np.random.default_rng(11)
    highs = []
    for seed in range(12):
        high = response_bound(*queue(random, int(60 * RATE)), 0.99, 0.95, Arrivals(RATE), 1, seed).high
        highs.append(math.inf if high is None else high)
    assert sum(high <= EXPONENTIAL_P99 / 1.05 for high in highs) <= 2
    assert sum(high <= EXPONENTIAL_P99 / 0.85 for high in highs) >= 7


@pytest.mark.parametrize(
    "ask",
    [
        lambda: dependent_quantile([], 0.5, 0.95),
        lambda: dependent_quantile([1.0, math.nan], 0.5, 0.95),
        lambda: dependent_quantile([1.0], 1.0, 0.95),
        lambda: replayed_service_times([1.0, 0.0], [1.0, 1.0], 1),
        lambda: replayed_service_times([0.0], [1.0, 1.0], 1),
        lambda: replayed_service_times([0.0], [1.0], 0),
        lambda: response_bound([0.0], [1.0], 0.5, 0.5),
    ],
)
def test_what_cannot_be_answered_is_an_error(ask: Callable[[], object]) -> None:
    """Senseless input raises, so that no number stands for its absence."""
    with pytest.raises(ValueError, match=r"\w"):
        ask()
