"""A replica in events: requests arrive at given times, wait in one queue, and are served in batches, first come first.

Many lanes (the same replica under other arrivals and draws) run in step, so that numpy does the work of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.evidence import Replica
    from tasks.performance.load.service_times import ServiceTimes

FREE_FROM_THE_START = 0.0
MS = 1000


def simulate(
    arrivals: NDArray[np.float64],
    service: ServiceTimes,
    replica: Replica,
    seed: int,
) -> NDArray[np.float64]:
    """Return the response time of each request in seconds, in the order of arrival, of the shape of `arrivals`.

    `arrivals` has shape (lanes, n), seconds from 0 on that rise along a lane; a lane with fewer requests ends in
    infinity, for which the response is NaN.
    The service time of a batch is drawn anew, independent of the one before.
    Raises ValueError where the batch cap exceeds the largest batch that was timed.
    Source: Lindley, Proc. Cambridge Phil. Soc. 48 (1952) 277, where one session serves single requests; the rule of a
    batch's start is that of Triton's dynamic batcher (max_queue_delay counts from the oldest request).
    """
    if replica.largest_batch > service.largest:
        raise ValueError(
            f"a batch of {replica.largest_batch} has no time, the largest timed is {service.largest}; time it too"
        )
    random = np.random.default_rng(seed)
    if replica.largest_batch == replica.instances == 1:
        return _one_by_one(arrivals, service, random)
    return _in_batches(arrivals, service, replica, random)


def _one_by_one(
    arrivals: NDArray[np.float64], service: ServiceTimes, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return responses where a request ends its service time after it arrived or the one before it ended, whichever is later."""
    took = service.draw(np.ones(arrivals.shape, dtype=np.intp), random)
    worked = np.cumsum(took, axis=1)
    idle = np.maximum.accumulate(arrivals - (worked - took), axis=1)
    with np.errstate(invalid="ignore"):
        return worked + idle - arrivals


def _in_batches(
    arrivals: NDArray[np.float64],
    service: ServiceTimes,
    replica: Replica,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Start one batch a lane at a time: when a session is free, and the batch is full or its oldest waited enough."""
    cap, wait = replica.largest_batch, replica.longest_wait_ms / MS
    lanes, n = arrivals.shape
    queue = np.concatenate([arrivals, np.full((lanes, cap), np.inf)], axis=1).ravel()
    places = np.arange(cap)
    at, rows = np.arange(lanes) * (n + cap), np.arange(lanes)
    free = np.full((lanes, replica.instances), FREE_FROM_THE_START)
    batches: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]] = []
    while True:
        oldest = queue[at]
        left = np.isfinite(oldest)
        if not left.all():
            at, free, oldest = at[left], free[left], oldest[left]
            rows = np.arange(at.size)
            if not at.size:
                break
        session = free.argmin(axis=1)
        start = np.maximum(free[rows, session], np.minimum(queue[at + cap - 1], oldest + wait))
        size = (queue[at[:, None] + places] <= start[:, None]).sum(axis=1)
        end = start + service.draw(size, random)
        free[rows, session] = end
        batches.append((at, size, end))
        at = at + size
    first, sizes, ends = (np.concatenate(part) for part in zip(*batches, strict=True))
    order = np.argsort(first)
    responses = np.full(lanes * (n + cap), np.nan)
    served = np.isfinite(queue)
    responses[served] = np.repeat(ends[order], sizes[order]) - queue[served]
    return responses.reshape(lanes, n + cap)[:, :n]
