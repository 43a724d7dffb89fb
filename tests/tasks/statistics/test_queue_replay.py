"""Queues replayed from services that were seen, against theory and by simulation."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize, signal
from support.exponential_queue import EXPONENTIAL_P99, RATE, queue

from tasks.statistics import Arrivals
from tasks.statistics.queue_replay import replayed_quantile, replayed_service_times

if TYPE_CHECKING:
    from numpy.typing import NDArray


def test_services_are_read_off_arrivals_and_answers() -> None:
    """With one server the second waits for the first; with two only the third does."""
    services, waited = replayed_service_times([0, 1, 5], [3, 4, 2], 1)
    assert (services.tolist(), waited.tolist()) == ([3, 2, 2], [0, 2, 0])
    services, waited = replayed_service_times([0, 1, 2], [4, 5, 3], 2)
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
    services, _ = replayed_service_times(arrived, took, 1)
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
    np.testing.assert_allclose(replayed_service_times(arrived, took, 2)[0], services)
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
    services, _ = replayed_service_times(arrived, took, 1)
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
