"""Percentiles under queueing: what clusters and replays do to their bounds, at the edges and by simulation."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize, signal

from tasks.statistics import (
    Arrivals,
    confidence_at_look,
    dependent_quantile,
    quantile_interval,
    response_bound,
    slo_verdict,
    variance_inflation,
)
from tasks.statistics.queue_replay import replayed_quantile, service_times
from tasks.statistics.slo import _replayed_high

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RATE = 100.0
EXPONENTIAL_P99 = math.log(100) / (200 - RATE)  # of response, one server that answers 200 a second: exponential too


def queue(
    random: np.random.Generator, count: int, used: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return arrivals and response times, in seconds, of one server with exponential services."""
    arrived = np.cumsum(random.exponential(1 / RATE, count))
    done = np.cumsum(services := random.exponential(used / RATE, count))
    return arrived, done + np.maximum.accumulate(arrived - done + services) - arrived


# --- series whose neighbours are alike ---


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_values_that_do_not_cluster_are_bounded_as_independent_ones(q: float) -> None:
    """Spread evenly, each value counts as one, and the ranks are those of exact order statistics."""
    values = np.arange(1_000.0) * 617 % 1_000
    assert variance_inflation(values, q) == pytest.approx(1)
    assert dependent_quantile(values, q, 0.95) == quantile_interval(values, q, 0.95)


def test_values_in_rows_of_ten_count_as_a_tenth() -> None:
    """Ten alike in a row are one; the bound takes ten times as many values and lies further out."""
    values = np.repeat(np.random.default_rng(0).exponential(1, 2_000), 10)
    inflation = variance_inflation(values, 0.95)
    assert 10 < inflation < 30
    got, plain = dependent_quantile(values, 0.95, 0.95), quantile_interval(values, 0.95, 0.95)
    assert got.estimate == plain.estimate
    assert got.low is not None
    assert plain.low is not None
    assert got.high is not None
    assert plain.high is not None
    assert got.low < plain.low < plain.high < got.high
    assert got.needed == math.ceil(plain.needed * inflation)


def test_too_short_a_series_has_no_upper_bound() -> None:
    """298 values never show a p99 at 95%, and 299 that come in rows do not either; equal ones at 299 do."""
    rows = np.repeat(np.random.default_rng(1).exponential(1, 23), 13)
    assert dependent_quantile(rows, 0.99, 0.95).high is None
    assert dependent_quantile([1.0] * 298, 0.99, 0.95).high is None
    assert dependent_quantile([1.0] * 299, 0.99, 0.95).high == 1.0


def test_failed_requests_are_the_slowest() -> None:
    """Two in a hundred that never end leave no finite p99."""
    values = np.where(np.arange(5_000) % 50 == 0, np.inf, 0.01)
    got = dependent_quantile(values, 0.99, 0.95)
    assert (got.estimate, got.low, got.high) == (math.inf, math.inf, math.inf)


# --- services and their replay ---


def test_services_are_read_off_arrivals_and_answers() -> None:
    """With one server the second waits for the first; with two only the third does."""
    services, waited = service_times([0, 1, 5], [3, 4, 2], 1)
    assert (services.tolist(), waited.tolist()) == ([3, 2, 2], [0, 2, 0])
    services, waited = service_times([0, 1, 2], [4, 5, 3], 2)
    assert (services.tolist(), waited.tolist()) == ([4, 5, 1], [0, 0, 2])


def test_a_replay_finds_what_theory_says() -> None:
    """Of exponential services at half load the p99 is known exactly; its error is about as large as it says."""
    arrived, took = queue(np.random.default_rng(2), 12_000)
    found = replayed_quantile(arrived, took, 0.99, Arrivals(RATE), 1)
    assert found.refused is None
    assert 0.01 < found.error < 0.05
    assert found.log == pytest.approx(math.log(EXPONENTIAL_P99), abs=3 * found.error)


def test_bursty_arrivals_are_replayed_as_such() -> None:
    """The same services wait longer where requests come in bursts, and a schedule must be what it is said to be."""
    random = np.random.default_rng(3)
    arrived, took = queue(random, 6_000)
    services, _ = service_times(arrived, took, 1)
    burst = np.cumsum(random.gamma(0.25, 4 / RATE, 6_000))
    done = np.cumsum(services)
    bursty = done + np.maximum.accumulate(burst - done + services) - burst
    calm, wild = (
        replayed_quantile(arrived, took, 0.99, Arrivals(RATE), 1),
        replayed_quantile(burst, bursty, 0.99, Arrivals(RATE, 0.25), 1),
    )
    assert wild.log > calm.log + 0.3
    for said in (Arrivals(RATE), Arrivals(1.3 * RATE, 0.25)):
        refused = replayed_quantile(burst, bursty, 0.99, said, 1).refused
        assert refused is not None
        assert "requests were due" in refused
    for schedule in (np.zeros(6_000), np.arange(6_000) / RATE):
        assert "requests were due" in str(replayed_quantile(schedule, services, 0.99, Arrivals(RATE), 1).refused)


def test_two_servers_are_replayed_as_two() -> None:
    """What two servers show in a minute, a replay of their services shows too, and said to be one they are refused."""
    random = np.random.default_rng(4)
    arrived, services = np.cumsum(random.exponential(1 / RATE, 6_000)), random.exponential(1.4 / RATE, 6_000)
    took, free = np.empty(6_000), [0.0, 0.0]
    for at in range(6_000):
        free.sort()
        free[0] = max(arrived[at], free[0]) + services[at]
        took[at] = free[0] - arrived[at]
    np.testing.assert_allclose(service_times(arrived, took, 2)[0], services)
    found = replayed_quantile(arrived, took, 0.99, Arrivals(RATE), 2)
    assert found.refused is None
    assert found.log == pytest.approx(math.log(_two_servers_p99(1.4 / RATE)), abs=3 * found.error)
    assert "left one of 1 servers" in str(replayed_quantile(arrived, took, 0.99, Arrivals(RATE), 1).refused)


def _two_servers_p99(service: float) -> float:
    """Return the p99 of response times in seconds with two exponential servers (Erlang C)."""
    used = RATE * service / 2
    waits, spare = 2 * used**2 / (1 + used), 2 / service - RATE  # chance to wait, and the rate at which waiting ends

    def over(seconds: float) -> float:
        served = math.exp(-seconds / service)
        both = (math.exp(-spare * seconds) / service - spare * served) / (1 / service - spare)
        return (1 - waits) * served + waits * both

    return float(optimize.brentq(lambda seconds: over(seconds) - 0.01, 0, 1))


def _longer_under_load(arrived: NDArray[np.float64], took: NDArray[np.float64]) -> NDArray[np.float64]:
    _, waited = service_times(arrived, took, 1)
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


def test_stalls_that_come_in_a_row_are_not_shuffled_away() -> None:
    """Services that are slow for 50 requests on end would queue far less if they were drawn one by one."""
    random = np.random.default_rng(6)
    slow = np.repeat(random.random(120) < 0.1, 50)
    services = random.exponential(0.004, 6_000) * np.where(slow, 2.5, 1)
    arrived = np.cumsum(random.exponential(1 / RATE, 6_000))
    done = np.cumsum(services)
    took = done + np.maximum.accumulate(arrived - done + services) - arrived
    refused = replayed_quantile(arrived, took, 0.99, Arrivals(RATE), 1).refused
    assert re.match("long services come in a row, so that 6000 are worth|services take longer the more", str(refused))


def _alike(random: np.random.Generator, count: int, like: float = 0.5) -> NDArray[np.float64]:
    """Return services of 5 ms in the mean, each like the one before it."""
    fresh = random.normal(size=count)
    logs = signal.lfilter([math.sqrt(1 - like**2)], [1, -like], fresh)
    return np.asarray(0.005 * np.exp(0.5 * logs - 0.125))


def _served(
    random: np.random.Generator, services: NDArray[np.float64], idle: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return arrivals and response times of one server, whose services take `idle` times as long where none waited."""
    arrived, took, free = np.cumsum(random.exponential(1 / RATE, services.size)), np.empty(services.size), 0.0
    for at, (arrival, service) in enumerate(zip(arrived.tolist(), services.tolist(), strict=True)):
        free = max(arrival, free) + service * (idle if free <= arrival else 1)
        took[at] = free - arrival
    return arrived, took


def test_services_that_are_alike_are_replayed_in_a_row() -> None:
    """Each is like the one before: the p99 is found that millions show, and those services shuffled show less."""
    random = np.random.default_rng(12)
    truth = float(np.quantile(_served(random, _alike(random, 400_000))[1], 0.99))
    arrived, took = _served(random, _alike(random, 6_000))
    found = replayed_quantile(arrived, took, 0.99, Arrivals(RATE), 1)
    assert found.log == pytest.approx(math.log(truth), abs=3 * found.error)
    services, _ = service_times(arrived, took, 1)
    shuffled = replayed_quantile(*_served(random, random.permutation(services)), 0.99, Arrivals(RATE), 1)
    assert shuffled.log < found.log - 0.05
    refused = replayed_quantile(*_served(random, _alike(random, 6_000, 0.97)), 0.99, Arrivals(RATE), 1).refused
    assert "long services come in a row, so that 6000 are worth" in str(refused)


@pytest.mark.parametrize("servers", [1, 2])
def test_services_on_a_core_that_slept_are_replayed_as_longer(servers: int) -> None:
    """Those that waited for nobody take 1.5 times as long; drawn for any request, they would make a fuller queue."""
    random = np.random.default_rng(13)
    usual = 0.005 * random.lognormal(-0.03, 0.25, 200_000) * servers
    arrived, took = _two(random, usual) if servers == 2 else _served(random, usual, 1.5)
    truth = float(np.quantile(took, 0.99))
    found = replayed_quantile(arrived[:6_000], took[:6_000], 0.99, Arrivals(RATE), servers)
    assert found.refused is None
    assert found.log == pytest.approx(math.log(truth), abs=max(3 * found.error, 0.03))


def _two(
    random: np.random.Generator, services: NDArray[np.float64], idle: float = 1.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the same of two servers."""
    arrived, took, free = np.cumsum(random.exponential(1 / RATE, services.size)), np.empty(services.size), [0.0, 0.0]
    for at, (arrival, service) in enumerate(zip(arrived.tolist(), services.tolist(), strict=True)):
        free.sort()
        free[0] = max(arrival, free[0]) + service * (idle if free[0] <= arrival else 1)
        took[at] = free[0] - arrival
    return arrived, took


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


# --- the verdict ---


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


@pytest.mark.parametrize(("seconds", "runs"), [(2, 200), (10, 200), (60, 100)])
def test_false_passes_without_a_model_stay_rare(seconds: int, runs: int) -> None:
    """With the true p99 5% over the limit, at most 5% of runs pass by their values, within three standard errors."""
    random = np.random.default_rng(10)
    passed = 0
    for _ in range(runs):
        high = dependent_quantile(queue(random, int(RATE * seconds))[1], 0.99, 0.95).high
        passed += high is not None and high <= EXPONENTIAL_P99 / 1.05
    assert passed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


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
        lambda: service_times([1.0, 0.0], [1.0, 1.0], 1),
        lambda: service_times([0.0], [1.0, 1.0], 1),
        lambda: service_times([0.0], [1.0], 0),
        lambda: response_bound([0.0], [1.0], 0.5, 0.5),
    ],
)
def test_what_cannot_be_answered_is_an_error(ask: Callable[[], object]) -> None:
    """Senseless input raises, so that no number stands for its absence."""
    with pytest.raises(ValueError, match=r"\w"):
        ask()
