"""Simulated queues of known response times, and the most that any rule could tell of one from a minute of it."""

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
PHASES = {  # services, on average, for which a machine is so many times slower, or is not
    "slow phases": (300, 1.8),
    "half minutes": (3_000, 2.5),
    "slow minutes": (6_000, 4.0),
}
ALIKE, LIKE_THE_ONE_BEFORE = "alike", 0.4  # correlation of a service's logarithm with that of the one before
COLD, COLDER = "cold", 1.5  # times as long for a request that finds its server idle
SPREADS = {"lognormal": 0.5, "stalls": 0.1, RARE: 0.1, ALIKE: 0.5, COLD: 0.25}  # of the logarithm of a service
SPREADS |= dict.fromkeys(PHASES, 0.1)
LONG = (4, 500, 3_000, 1_000)  # simulations, queues and requests of each, and those while it fills up, for the truth
MINUTES = 5_000  # drawn, to find what the best rule makes of them
HALVINGS = 12
SEED = 19


def runs(
    kind: str, load: float, servers: int, count: int, requests: int, random: np.random.Generator, worse: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scheduled arrivals and response times in seconds, both of shape (count, requests).

    `worse` times as much of what makes a queue of this kind long is in it: see `services_of`.
    """
    size = (count, requests)
    arrived = np.cumsum(random.exponential(1 / RATE, size), axis=1)
    services = services_of(kind, random, size, worse) * load * servers / RATE
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


def services_of(
    kind: str, random: np.random.Generator, size: tuple[int, int], worse: float = 1.0
) -> NDArray[np.float64]:
    """Return service times of mean 1, or `worse` ones: longer, with more stalls, or with phases slower than slow."""
    if kind == "exponential":
        return random.exponential(worse, size)
    spread = SPREADS[kind]
    times = random.lognormal(-(spread**2) / 2, spread, size)
    if kind in {"lognormal", COLD}:
        return times * worse
    if kind == ALIKE:
        return _alike(random, size) * worse
    if kind in PHASES:
        return _slowness(kind, random, size, worse) * 2 / (1 + PHASES[kind][1]) * times
    share, stall = (RARELY, RARE_STALL) if kind == RARE else (STALLED, STALL)
    return np.where(random.random(size) < share * worse, stall, 1) / (1 + share * (stall - 1)) * times


def true_quantile(kind: str, load: float, servers: int, worse: float = 1.0) -> float:
    """Return the long-run p99 in seconds, from 4 million requests after each queue filled up."""
    simulations, queues, requests, filling = LONG
    random = np.random.default_rng(SEED)
    found = [runs(kind, load, servers, queues, requests, random, worse)[1][:, filling:] for _ in range(simulations)]
    return float(np.quantile(np.stack(found), Q))


def most_power(kind: str, load: float, servers: int, seconds: float, longer: float, level: float) -> float:
    """Return how often any rule can pass a queue if it passes one whose p99 is `longer` times as long at most at `level`.

    The other queue differs in one thing only, and the rule is told in which, how much, and all that makes the services:
    it is the most powerful test of the one against the other, of whichever statistic is sufficient.
    Source: Neyman and Pearson, Philosophical Transactions A 231 (1933) 289.
    """
    truth, low, high = true_quantile(kind, load, servers), 1.0, longer**2
    while true_quantile(kind, load, servers, high) < truth * longer:
        low, high = high, high * longer**2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if true_quantile(kind, load, servers, middle) < truth * longer else (low, middle)
    ours, theirs = (_telling(kind, int(seconds * RATE), worse) for worse in (1.0, high))
    return float(np.mean(ours <= np.quantile(theirs, level, method="higher")))


def _telling(kind: str, requests: int, worse: float) -> NDArray[np.float64]:
    """Return, of many runs of a queue, the statistic that tells it best from a worse one: the more, the worse; shape (n,)."""
    random = np.random.default_rng(SEED)
    if kind == "exponential":
        return random.gamma(requests, worse, MINUTES)
    if kind in {"lognormal", ALIKE, COLD}:
        alike = LIKE_THE_ONE_BEFORE if kind == ALIKE else 0.0
        error = SPREADS[kind] * np.sqrt((1 + alike) / (1 - alike) / requests)
        return random.normal(np.log(worse), error, MINUTES)
    if kind not in PHASES:
        share = RARELY if kind == RARE else STALLED
        return random.binomial(requests, share * worse, MINUTES).astype(np.float64)
    slower = _slowness(kind, random, (MINUTES, requests), worse)
    phases = (np.diff(slower, axis=1) > 0).sum(axis=1) + (slower[:, 0] > 1)
    return np.where((slower > PHASES[kind][1]).any(axis=1), np.inf, -phases)


def _alike(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return services of mean 1 whose logarithms are a first-order autoregression."""
    fresh = random.normal(size=size) * np.sqrt(1 - LIKE_THE_ONE_BEFORE**2)
    fresh[:, 0] /= np.sqrt(1 - LIKE_THE_ONE_BEFORE**2)
    spread = SPREADS[ALIKE]
    return np.exp(spread * lfilter([1], [1, -LIKE_THE_ONE_BEFORE], fresh, axis=1) - spread**2 / 2)


def _slowness(kind: str, random: np.random.Generator, size: tuple[int, int], worse: float) -> NDArray[np.float32]:
    """Return how many times as long each service of each run is, in phases of which 1 - 1 / `worse` are slow twice over."""
    length, slower = PHASES[kind]
    switches = (random.random(size, dtype=np.float32) < 1 / length).cumsum(axis=1)
    phases = switches + random.integers(0, 2, (size[0], 1))
    twice = random.random((size[0], int(phases.max()) + 1)) < 1 - 1 / worse
    slowness = np.where(np.take_along_axis(twice, phases, axis=1), slower**2, slower)
    return np.where(phases % 2, slowness, 1).astype(np.float32)
