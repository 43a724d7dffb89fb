"""A queue replayed: the services of a run, in the order in which they were measured, under arrivals drawn anew.

A run holds one draw of arrivals, and few independent episodes above its 99th percentile. Under many draws the same
services tell far more of it. They stay in order, so what a busy machine does to seconds in a row stays in a row.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.statistics.bounds import sample

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

STREAMS = 40  # draws of arrivals
MOST_BACKWARDS = 0.001  # of services that end before they begin, which clocks may make
FEWEST_IDLE = 100  # services that found a server idle, and others, from which on they are told apart
FAR = 2.0  # standard errors by which they differ


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How requests arrive: `rate` a second, with gamma-distributed gaps of this `shape` (1 is Poisson, less is bursty)."""

    rate: float
    shape: float = 1.0


@dataclass(frozen=True, slots=True)
class Services:
    """Service times in seconds, shape (n,), in order, of so many servers; one that finds a server idle takes `idle` times as long."""

    seconds: NDArray[np.float64]
    servers: int
    idle: float

    def busy(self, rate: float) -> float:
        """Return the share of time for which `rate` requests a second keep the servers busy."""
        return float(self.seconds.mean()) * rate / self.servers

    def replay(self, arrivals: Arrivals, seed: int = 0) -> NDArray[np.float64]:
        """Return response times in seconds, shape (STREAMS, n), each row under a draw of arrivals.

        Source: Lindley, Proceedings of the Cambridge Philosophical Society 48 (1952) 277; Kiefer and Wolfowitz,
        Transactions of the AMS 78 (1955) 1, for several servers; Welch, Operations Research 12 (1964) 736, for a first
        service that is another one.
        """
        size, shape = (STREAMS, self.seconds.size), arrivals.shape
        gaps = np.random.default_rng(seed).gamma(shape, 1 / (arrivals.rate * shape), size)
        arrived = np.cumsum(gaps, axis=1)
        if self.servers == 1 and self.idle == 1:
            done = np.cumsum(self.seconds)
            return np.asarray(done + np.maximum.accumulate(arrived - done + self.seconds, axis=1) - arrived)
        free, rows, took = np.zeros((STREAMS, self.servers)), np.arange(STREAMS), np.empty(size)
        for at, seconds in enumerate(self.seconds.tolist()):
            first = free.argmin(axis=1)
            here, since = arrived[:, at], free[rows, first]
            done = np.maximum(here, since) + seconds * np.where(since <= here, self.idle, 1)
            free[rows, first] = done
            took[:, at] = done - here
        return took


def infer_services(scheduled: ArrayLike, seconds: ArrayLike, servers: int) -> Services | str:
    """Return the services of a run whose requests were served in order of arrival, or why they can't be told.

    `scheduled` and `seconds` have shape (n,): when each request was due, and how long after that it was answered. Services
    that found a server idle may be the longer ones, as on cores that slept: then they are so in a replay too.
    Raises ValueError where times are not as many, or not in order of arrival.
    """
    if lost := int(np.isinf(np.asarray(seconds, dtype=np.float64)).sum()):
        return f"{lost} requests failed, and how long they held a server is not known"
    took, waited = served_in_order(scheduled, seconds, servers)
    backwards = float((took <= 0).mean())
    if backwards > MOST_BACKWARDS:
        return f"{backwards:.2%} of requests ended before those ahead of them left one of {servers} servers"
    idle = _idle_factor(took, waited)
    return Services(np.maximum(np.where(waited > 0, took, took / idle), 0), servers, idle)


def served_in_order(
    scheduled: ArrayLike, seconds: ArrayLike, servers: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return service and waiting times in seconds, each of shape (n,), had requests been served in order of arrival.

    A request begins when it arrives or when fewer than `servers` before it are unfinished, whichever is later.
    Raises ValueError where times are not finite, not as many, or not in order of arrival.
    """
    arrived, took = sample(scheduled, 1, finite=True), sample(seconds, 1, finite=True)
    if arrived.size != took.size or (np.diff(arrived) < 0).any() or servers < 1:
        raise ValueError(f"{arrived.size} arrivals and {took.size} times at {servers} servers: give them in order")
    done, free, waited = arrived + took, [-math.inf] * servers, np.empty(took.size)
    for at, (arrival, end) in enumerate(zip(arrived.tolist(), done.tolist(), strict=True)):
        waited[at] = max(0.0, free[0] - arrival)
        heapq.heappushpop(free, end)
    return took - waited, waited


def _idle_factor(services: NDArray[np.float64], waited: NDArray[np.float64]) -> float:
    """Return how many times as long services are that found a server idle, 1 where they are no longer than others."""
    idle = waited <= 0
    if min(idle.sum(), (~idle).sum()) < FEWEST_IDLE:
        return 1.0
    told = _normed_ranks(services) @ _normed_ranks(idle.astype(np.float64)) * math.sqrt(services.size)
    if told <= FAR:
        return 1.0
    usual = float(np.median(services[~idle]))
    return max(1.0, float(np.median(services[idle])) / usual) if usual > 0 else 1.0


def _normed_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2)[inverse]
    ranks -= ranks.mean()
    return np.asarray(ranks / max(float(np.linalg.norm(ranks)), 1e-12))
