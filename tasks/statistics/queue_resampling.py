"""Queues in which the services of a run are drawn anew, under arrivals drawn anew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

BLOCKS = 20  # of the services, each left out in turn
STEPS = 2_000  # requests of a queue, after it filled up
MOST_UTILISATION = 0.95  # above it a percentile hangs on the last tenths of a percent of load
MOST_WARMUP = 5_000


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How requests arrive: `rate` a second, with gamma-distributed gaps of this `shape` (1 is Poisson, less is bursty)."""

    rate: float
    shape: float = 1.0


@dataclass(frozen=True, slots=True)
class Redrawn:
    """Queues in which the services of a run are drawn anew, in pieces of so many in a row, with arrivals drawn anew.

    One that finds a server idle takes `idle` times as long. A queue starts empty and fills up first, for as long as its
    correlation lasts.
    """

    services: NDArray[np.float64]
    piece: int
    idle: float
    arrivals: Arrivals
    servers: int
    random: np.random.Generator

    def responses(self, left_out: Sequence[int | None], streams: int) -> NDArray[np.float64]:
        """Return response times, shape (len(left_out), streams, STEPS), without a block each, all by the same random numbers."""
        warmup = self._warmup()
        size = (streams, warmup + STEPS)
        shape = self.arrivals.shape
        arrived = np.cumsum(self.random.gamma(shape, 1 / (self.arrivals.rate * shape), size), axis=1)
        draw = self._singles if self.piece == 1 else self._pieces
        out = np.empty((len(left_out), streams, STEPS))
        if self.servers == 1 and self.idle == 1:
            for at, services in enumerate(draw(left_out, size)):
                done = np.cumsum(services, axis=1)
                out[at] = (done + np.maximum.accumulate(arrived - done + services, axis=1) - arrived)[:, warmup:]
            return out
        drawn = np.stack(list(draw(left_out, size)))
        lanes = len(left_out) * streams
        free, rows = np.zeros((lanes, self.servers)), np.arange(lanes)
        for step in range(warmup + STEPS):
            here = np.tile(arrived[:, step], len(left_out))
            first = free.argmin(axis=1)
            began = np.maximum(here, free[rows, first])
            done = began + drawn[:, :, step].ravel() * np.where(began > here, 1, self.idle)
            free[rows, first] = done
            if step >= warmup:
                out[:, :, step - warmup] = (done - here).reshape(-1, streams)
        return out

    def _warmup(self) -> int:
        mean, spread = float(self.services.mean()), float(self.services.std())
        idle = max(1 - mean * self.arrivals.rate / self.servers, 1 - MOST_UTILISATION)
        return min(MOST_WARMUP, math.ceil(4 * (1 + 1 / self.arrivals.shape) * (1 + (spread / mean) ** 2) / idle**2))

    def _singles(self, left_out: Sequence[int | None], size: tuple[int, int]) -> Iterator[NDArray[np.float64]]:
        """Yield services drawn one by one: of each block left out the same ranks, so that they differ as little as they can."""
        blocks = np.array_split(self.services, BLOCKS)
        shortest = self.services.size - max(block.size for block in blocks)
        drawn = self.random.random(size)
        for out in left_out:
            kept = blocks if out is None else blocks[:out] + blocks[out + 1 :]
            ordered = np.sort(np.concatenate(kept)[-(self.services.size if out is None else shortest) :])
            yield ordered[(drawn * ordered.size).astype(np.int64)]

    def _pieces(self, left_out: Sequence[int | None], size: tuple[int, int]) -> Iterator[NDArray[np.float64]]:
        """Yield services drawn in pieces: where one is of the block left out, another one stands in for it."""
        pieces = self.services[-(self.services.size // self.piece) * self.piece :].reshape(-1, self.piece)
        blocks = np.array_split(np.arange(len(pieces)), BLOCKS)
        count = (size[0], math.ceil(size[1] / self.piece))
        first, second = self.random.random(count), self.random.random(count)
        whole = (first * len(pieces)).astype(np.int64)
        for out in left_out:
            drawn = whole
            if out is not None:
                others = np.setdiff1d(np.arange(len(pieces)), blocks[out])
                drawn = np.where(np.isin(whole, blocks[out]), others[(second * others.size).astype(np.int64)], whole)
            yield pieces[drawn].reshape(size[0], -1)[:, : size[1]]
