"""Response times of a queue, from the service times and the arrivals that make them.

A run of a minute holds thousands of service times that are independent, and a handful of independent episodes above the
99th percentile of response: replayed with fresh arrivals, the former tell far more of the percentile than the latter.
It is a model, first come, first served, and `replayed_quantile` says why it does not stand where the run speaks against it.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.statistics.bounds import sample
from tasks.statistics.queue_resampling import BLOCKS, MOST_UTILISATION, STEPS, Arrivals, Redrawn

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEFT_OUT_STREAMS, ALL_STREAMS = 25, 400  # replayed queues without a block, and with all services
MORE_STREAMS = 100  # without a block, where other pieces stand in for its pieces, which blurs what it did
FEWEST_SERVICES = 1_000
FEWEST_OVER = 20  # services in as small a share as is asked for: what fewer hold, a run may have missed
FAR = 3.0  # standard errors at which the run speaks against the model, one in 700 by chance
FAR_BY_LOAD = 2.0  # sooner for services that are longer under load, as little of it makes a queue much longer
LAGS = (1, 10, 100)  # over which services that follow each other are alike, or not
PIECE = 100  # services that stay in a row where they are
FARTHEST = 300  # lags over which how alike they are is added up
FEWEST_WORTH = 500  # independent services that they are worth where they are alike: fewer say too little of their rows
FEWEST_IDLE = 100  # services that found a server idle, and others, from which on they are told apart
BEFORE = 5  # services before one that tell how long it is, where they are alike
MOST_BACKWARDS = 0.001  # of services that end before they begin, which clocks may make


@dataclass(frozen=True, slots=True)
class Replayed:
    """A quantile of replayed response times: logarithm of seconds and its standard error; or why there is none."""

    log: float = math.nan
    error: float = math.nan
    refused: str | None = None


def replayed_service_times(
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


def fewest(q: float) -> int:
    """Return how many requests a run must hold before it can be taken to have seen what makes its quantile."""
    return math.ceil(FEWEST_OVER / (1 - q) - 1e-6)


def replayed_quantile(
    scheduled: ArrayLike, seconds: ArrayLike, q: float, arrivals: Arrivals, servers: int, seed: int = 0
) -> Replayed:
    """Estimate a quantile of the response times that this server would show in the long run.

    The services of the run are drawn anew, with arrivals drawn anew, for 800,000 requests: one by one, or in pieces of 100
    in a row where services that follow each other are alike. Where those that found a server idle are the longer ones, as
    on cores that slept, they are so by the same factor in the replay. Their own error is that of a jackknife over 20 blocks,
    all replayed with the same random numbers; the error of the simulation is added to it.
    It is refused where there are too few services for the quantile, where a request failed, where requests were not due as
    `arrivals` says, where the queue is all but full, where services are the longer the more wait or so alike that they
    are worth few, and where the run itself has more above the quantile than the replay explains.
    Source: Shao and Tu, The Jackknife and Bootstrap (1995), 2.3 and 9.2; Künsch, Annals of Statistics 17 (1989) 1217, for
    pieces; Lindley, Proceedings of the Cambridge Philosophical Society 48 (1952) 277; Kiefer and Wolfowitz, Transactions of
    the AMS 78 (1955) 1; Welch, Operations Research 12 (1964) 736, for a first service that is another one.
    """
    took = sample(seconds, 1)
    if not np.isfinite(took).all():
        return Replayed(refused=f"{np.isinf(took).sum()} requests failed, and how long they held a server is not known")
    if took.size < (least := max(FEWEST_SERVICES, fewest(q))):
        return Replayed(refused=f"{took.size} requests are too few to know the services: it takes {least}")
    services, waited = replayed_service_times(scheduled, took, servers)
    refused = _unlike(np.diff(np.asarray(scheduled, dtype=np.float64)), arrivals)
    idle = _idle_factor(services, waited)
    services = np.where(waited > 0, services, services / idle)
    alike = _alike(_normed_ranks(services))
    if refused := refused or _against(services, waited, arrivals, servers, alike):
        return Replayed(refused=refused)
    piece = PIECE if _in_rows(alike, services.size) else 1
    return _estimate(took, q, Redrawn(services, piece, idle, arrivals, servers, np.random.default_rng(seed)))


def _estimate(took: NDArray[np.float64], q: float, redrawn: Redrawn) -> Replayed:
    whole = redrawn.responses([None], ALL_STREAMS)[0]
    streams = LEFT_OUT_STREAMS if redrawn.piece == 1 else MORE_STREAMS
    parts = np.log(np.quantile(redrawn.responses(range(BLOCKS), streams), q, axis=(1, 2)))
    level = float(np.quantile(whole, q))
    shares = (whole > level).mean(axis=1)
    near = np.quantile(whole, [1 - (1 - q) * 1.5, 1 - (1 - q) / 1.5])
    steepness = math.log(near[1] / near[0]) / math.log(1.5**2)  # of the logarithm of time over that of the share
    simulated = steepness * shares.std(ddof=1) / math.sqrt(ALL_STREAMS) / (1 - q)
    error = math.hypot(math.sqrt((BLOCKS - 1) * parts.var()), simulated)
    chance = steepness * shares.std(ddof=1) * math.sqrt(STEPS / took.size) / (1 - q)
    beyond = float((took > level).mean())
    if (beyond / (1 - q) - 1) * steepness > FAR * math.hypot(error, chance):
        return Replayed(
            refused=f"{beyond:.2%} of requests took longer than {level:.4g} s, where a replay of their services explains "
            f"{1 - q:.2%}"
        )
    return Replayed(math.log(level), error)


def _unlike(gaps: NDArray[np.float64], arrivals: Arrivals) -> str | None:
    """Say that requests were not due as the replay is to draw them: how often, or how evenly."""
    mean, spread = float(gaps.mean()), float(gaps.std())
    often = (arrivals.rate * mean - 1) * math.sqrt(gaps.size * arrivals.shape)
    evenly = (arrivals.shape * (spread / mean) ** 2 - 1 if mean else math.inf) / math.sqrt(2 + 6 / arrivals.shape)
    if max(abs(often), abs(evenly) * math.sqrt(gaps.size)) <= FAR:
        return None
    return (
        f"requests were due every {mean:.4g} s, give or take {spread:.4g} s, "
        f"not every {1 / arrivals.rate:.4g} s, give or take {1 / arrivals.rate / math.sqrt(arrivals.shape):.4g} s"
    )


def _against(
    services: NDArray[np.float64],
    waited: NDArray[np.float64],
    arrivals: Arrivals,
    servers: int,
    alike: NDArray[np.float64],
) -> str | None:
    """Say what of the run speaks against one queue, served in order, with services that are alike at any load."""
    backwards = float((services <= 0).mean())
    if backwards > MOST_BACKWARDS:
        return f"{backwards:.2%} of requests ended before those ahead of them left one of {servers} servers"
    used = services.mean() * arrivals.rate / servers
    if used > MOST_UTILISATION:
        return f"the servers are busy {used:.1%} of the time, and above {MOST_UTILISATION:.0%} no replay is near"
    ranks, in_rows = _normed_ranks(services), _in_rows(alike, services.size)
    if in_rows:
        ranks, waited = _unforeseen(ranks), waited[BEFORE:]
    if waited.any() and ranks @ _normed_ranks(waited) * math.sqrt(ranks.size) > FAR_BY_LOAD:
        return "services take longer the more requests wait"
    worth = services.size / (1 + 2 * max(alike))
    if in_rows and (worth < FEWEST_WORTH or services.size < PIECE * BLOCKS):
        return f"long services come in a row, so that {services.size} are worth {worth:.0f}"
    return None


def _idle_factor(services: NDArray[np.float64], waited: NDArray[np.float64]) -> float:
    """Return how many times as long services are that found a server idle, 1 where they are no longer than others."""
    idle = waited <= 0
    if min(idle.sum(), (~idle).sum()) < FEWEST_IDLE:
        return 1.0
    told = _normed_ranks(services) @ _normed_ranks(idle.astype(np.float64)) * math.sqrt(services.size)
    if told <= FAR_BY_LOAD:
        return 1.0
    usual = float(np.median(services[~idle]))
    return max(1.0, float(np.median(services[idle])) / usual) if usual > 0 else 1.0


def _alike(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how alike services are to those so many places on, added up over the places from 1 on."""
    return np.cumsum([ranks[lag:] @ ranks[:-lag] for lag in range(1, FARTHEST + 1)])


def _in_rows(alike: NDArray[np.float64], count: int) -> bool:
    return any(alike[lags - 1] * math.sqrt(count / lags) > FAR for lags in LAGS)


def _unforeseen(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what of each rank those before it do not tell, for all but the first ones, normed."""
    before = np.lib.stride_tricks.sliding_window_view(ranks[:-1], BEFORE)
    left = ranks[BEFORE:] - before @ np.linalg.lstsq(before, ranks[BEFORE:], rcond=None)[0]
    return np.asarray(left / max(float(np.linalg.norm(left)), 1e-12))


def _normed_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2)[inverse]
    ranks -= ranks.mean()
    return np.asarray(ranks / max(float(np.linalg.norm(ranks)), 1e-12))
