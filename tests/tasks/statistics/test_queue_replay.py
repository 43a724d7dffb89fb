"""Queues replayed from services that were seen, against theory and by simulation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import optimize, signal
from support.exponential_queue import EXPONENTIAL_P99, RATE, queue

from tasks.statistics import Arrivals, Services
from tasks.statistics.queue_replay import infer_services, served_in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray


def services_of(scheduled: NDArray[np.float64], seconds: NDArray[np.float64], servers: int = 1) -> Services:
    """Return the services of a run that can be replayed."""
    found = infer_services(scheduled, seconds, servers)
    assert isinstance(found, Services)
    return found


def p99(services: Services, shape: float = 1.0) -> float:
    """Return the p99 of the replay in seconds."""
    return float(np.quantile(services.replay(Arrivals(RATE, shape)), 0.99))


def served(
    random: np.random.Generator, services: NDArray[np.float64], servers: int = 1, idle: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Poisson arrivals and the response times of servers whose services take `idle` times as long where none waited."""
    arrived, took = np.cumsum(random.exponential(1 / RATE, services.size)), np.empty(services.size)
    free = [0.0] * servers
    for at, (arrival, service) in enumerate(zip(arrived.tolist(), services.tolist(), strict=True)):
        free.sort()
        free[0] = max(arrival, free[0]) + service * (idle if free[0] <= arrival else 1)
        took[at] = free[0] - arrival
    return arrived, took


def alike(random: np.random.Generator, count: int, like: float = 0.5) -> NDArray[np.float64]:
    """Return services of 5 ms in the mean, each like the one before it."""
    logs = signal.lfilter([math.sqrt(1 - like**2)], [1, -like], random.normal(size=count))
    return np.asarray(0.005 * np.exp(0.5 * logs - 0.125))


def test_services_are_read_off_arrivals_and_answers() -> None:
    """With one server the second waits for the first; with two only the third does."""
    services, waited = served_in_order([0, 1, 5], [3, 4, 2], 1)
    assert (services.tolist(), waited.tolist()) == ([3, 2, 2], [0, 2, 0])
    services, waited = served_in_order([0, 1, 2], [4, 5, 3], 2)
    assert (services.tolist(), waited.tolist()) == ([4, 5, 1], [0, 0, 2])


def test_a_replay_finds_what_theory_says() -> None:
    """Of exponential services at half load the p99 is known exactly."""
    found = services_of(*queue(np.random.default_rng(2), 12_000))
    assert found.busy(RATE) == pytest.approx(0.5, abs=0.02)
    assert p99(found) == pytest.approx(EXPONENTIAL_P99, rel=0.1)


def test_bursty_arrivals_are_replayed_as_such() -> None:
    """The same services wait longer where requests come in bursts."""
    services = services_of(*queue(np.random.default_rng(3), 6_000))
    assert p99(services, 0.25) > 1.3 * p99(services)


def test_two_servers_are_replayed_as_two() -> None:
    """What two servers show in a minute, a replay of their services shows too, and said to be one they are refused."""
    random = np.random.default_rng(4)
    services = random.exponential(1.4 / RATE, 6_000)
    arrived, took = served(random, services, 2)
    found = services_of(arrived, took, 2)
    np.testing.assert_allclose(found.seconds, services)
    assert p99(found) == pytest.approx(two_servers_p99(1.4 / RATE), rel=0.12)
    assert "left one of 1 servers" in str(infer_services(arrived, took, 1))


def two_servers_p99(service: float) -> float:
    """Return the p99 of response times in seconds with two exponential servers (Erlang C)."""
    used = RATE * service / 2
    waits, spare = 2 * used**2 / (1 + used), 2 / service - RATE  # chance to wait, and the rate at which waiting ends

    def over(seconds: float) -> float:
        gone = math.exp(-seconds / service)
        both = (math.exp(-spare * seconds) / service - spare * gone) / (1 / service - spare)
        return (1 - waits) * gone + waits * both

    return float(optimize.brentq(lambda seconds: over(seconds) - 0.01, 0, 1))


def test_services_stay_in_a_row() -> None:
    """Each is like the one before: the p99 is found that hundreds of thousands show, and those services shuffled show less."""
    random = np.random.default_rng(12)
    truth = float(np.quantile(served(random, alike(random, 400_000))[1], 0.99))
    found = services_of(*served(random, alike(random, 6_000)))
    assert p99(found) == pytest.approx(truth, rel=0.12)
    shuffled = services_of(*served(random, random.permutation(found.seconds)))
    assert p99(shuffled) < 0.95 * p99(found)


@pytest.mark.parametrize("servers", [1, 2])
def test_services_on_a_core_that_slept_are_replayed_as_longer(servers: int) -> None:
    """Those that waited for nobody take 1.5 times as long; drawn for any request, they would make a fuller queue."""
    random = np.random.default_rng(13)
    usual = 0.005 * random.lognormal(-0.03, 0.25, 200_000) * servers
    arrived, took = served(random, usual, servers, 1.5)
    found = services_of(arrived[:6_000], took[:6_000], servers)
    assert found.idle == pytest.approx(1.5, rel=0.05)
    assert p99(found) == pytest.approx(float(np.quantile(took, 0.99)), rel=0.06)


def test_a_failed_request_held_a_server_for_nobody_knows_how_long() -> None:
    """So there is no replay."""
    arrived, took = queue(np.random.default_rng(5), 1_000)
    took[7] = math.inf
    assert str(infer_services(arrived, took, 1)).startswith("1 requests failed")


@pytest.mark.parametrize(
    ("scheduled", "seconds", "servers"), [([1.0, 0.0], [1.0, 1.0], 1), ([0.0], [1.0, 1.0], 1), ([0.0], [1.0], 0)]
)
def test_times_that_are_none_are_an_error(scheduled: list[float], seconds: list[float], servers: int) -> None:
    """Times out of order, of another number, or of no server."""
    with pytest.raises(ValueError, match="give them in order"):
        infer_services(scheduled, seconds, servers)
