"""Simulated queues of known response times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

Q, RATE = 0.99, 100.0  # the percentile, and requests a second
KINDS = ("lognormal", "exponential", "stalls")
STALLED, STALL = 0.01, 20  # of `stalls`: their share of services, and how many times as long they are
RARE, RARELY, RARE_STALL = "rare stalls", 0.001, 100
PHASES = {  # services, on average, for which a machine is so many times slower, and then is not; and the share of slow ones
    "slow phases": (300, 1.8, 0.5),
    "half minutes": (3_000, 2.5, 0.5),
    "slow minutes": (6_000, 4.0, 0.5),
    "bursts of 1 s": (100, 2.0, 0.3),  # others take half of a core for three seconds in ten
    "bursts of 3 s": (300, 2.0, 0.3),
    "bursts of 10 s": (1_000, 2.0, 0.3),
}
ALIKE, LIKE_THE_ONE_BEFORE = "alike", 0.4  # correlation of a service's logarithm with that of the one before
COLD, COLDER = "cold", 1.5  # times as long for a request that finds its server idle
SPREADS = {"lognormal": 0.5, "stalls": 0.1, RARE: 0.1, ALIKE: 0.5, COLD: 0.25}  # of the logarithm of a service
SPREADS |= {kind: 0.3 if kind.startswith("bursts") else 0.1 for kind in PHASES}
LONG = (4, 500, 3_000, 1_000)  # simulations, queues and requests of each, and those while it fills up, for the truth
SEED = 19


def runs(
    kind: str, load: float, servers: int, count: int, requests: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scheduled arrivals and response times in seconds, both of shape (count, requests)."""
    size = (count, requests)
    arrived = np.cumsum(random.exponential(1 / RATE, size), axis=1)
    services = services_of(kind, random, size) * load * servers / RATE
    if servers == 1 and kind != COLD:
        done = np.cumsum(services, axis=1)
        return arrived, done + np.maximum.accumulate(arrived - done + services, axis=1) - arrived
    free, each, took = np.zeros((count, servers)), np.arange(count), np.empty(size)
    for at in range(requests):
        first = free.argmin(axis=1)
        cold = np.where(free[each, first] <= arrived[:, at], COLDER, 1) if kind == COLD else 1
        done = np.maximum(arrived[:, at], free[each, first]) + services[:, at] * cold
        free[each, first] = done
        took[:, at] = done - arrived[:, at]
    return arrived, took


def services_of(kind: str, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return service times of mean 1."""
    if kind == "exponential":
        return random.exponential(1, size)
    if kind == ALIKE:
        return _alike(random, size)
    spread = SPREADS[kind]
    times = random.lognormal(-(spread**2) / 2, spread, size)
    if kind in {"lognormal", COLD}:
        return times
    if kind in PHASES:
        _, slower, share = PHASES[kind]
        return times * np.where(_slow(kind, random, size), slower, 1) / (1 + share * (slower - 1))
    share, stall = (RARELY, RARE_STALL) if kind == RARE else (STALLED, STALL)
    return np.where(random.random(size) < share, stall, 1) / (1 + share * (stall - 1)) * times


def true_quantile(kind: str, load: float, servers: int) -> float:
    """Return the long-run p99 in seconds, from 4 million requests after each queue filled up."""
    simulations, queues, requests, filling = LONG
    random = np.random.default_rng(SEED)
    found = [runs(kind, load, servers, queues, requests, random)[1][:, filling:] for _ in range(simulations)]
    return float(np.quantile(np.stack(found), Q))


def _alike(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return services of mean 1 whose logarithms are a first-order autoregression."""
    fresh = random.normal(size=size) * np.sqrt(1 - LIKE_THE_ONE_BEFORE**2)
    fresh[:, 0] /= np.sqrt(1 - LIKE_THE_ONE_BEFORE**2)
    spread = SPREADS[ALIKE]
    return np.exp(spread * lfilter([1], [1, -LIKE_THE_ONE_BEFORE], fresh, axis=1) - spread**2 / 2)


def _slow(kind: str, random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which services of each run fall into a slow phase; phases have geometric lengths and begin anywhere."""
    length, _, share = PHASES[kind]
    slow = np.empty(size, dtype=bool)
    slow[:, 0] = random.random(size[0]) < share
    starts, ends = 1 / (length * (1 - share) / share), 1 / length
    drawn = random.random(size)
    for at in range(1, size[1]):
        before = slow[:, at - 1]
        slow[:, at] = np.where(before, drawn[:, at] >= ends, drawn[:, at] < starts)
    return slow
