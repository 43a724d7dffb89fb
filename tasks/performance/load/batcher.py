"""Dynamic batching, as a serving system does it: workers that share a queue, and answer what is in it in batches."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.evidence import Replica

# What is in the queue: the number of the request, and when it was sent (CLOCK_MONOTONIC).
QUERY = np.dtype([("number", "<i8"), ("sent_ns", "<i8")])
NS = 1_000_000_000
NS_PER_MS = 1_000_000
WORKER = "load worker"


class Answerer(Protocol):
    """A loaded model with its rows, as a worker sees it."""

    def __len__(self) -> int:
        """Return the number of rows that can be asked for."""

    def answer(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Answer these rows as one batch and tell which were answered well; an exception fails all of them."""


class Batcher:
    """Workers that read the queue `requests` (a pipe of QUERY items) until it is closed; request k asks for row `rows[k]`.

    One worker at a time forms a batch: it waits for a first request, takes what else is there up to the largest batch,
    and waits for more until the first is as old as the longest wait. Where a call raises, every request of its batch
    fails, its neighbours too: that is what callers get from a dynamic batcher, which does not try them one by one.
    """

    def __init__(self, answerer: Answerer, replica: Replica, rows: NDArray[np.intp], requests: int) -> None:
        self.completed = np.full(len(rows), np.inf)  # CLOCK_MONOTONIC, seconds
        self.answered = np.zeros(len(rows), dtype=bool)
        self.batch = np.zeros(len(rows), dtype=np.int32)
        self.spans: list[tuple[float, float]] = []  # of each call, same clock
        self._answerer, self._rows, self._requests = answerer, rows, requests
        self._most_bytes = replica.largest_batch * QUERY.itemsize
        self._wait_ns = round(replica.longest_wait_ms * NS_PER_MS)
        self._forming = threading.Lock()
        self.stopped = False
        self._workers = [
            threading.Thread(target=self._work, name=WORKER, daemon=True) for _ in range(replica.instances)
        ]

    def start(self) -> None:
        """Start the workers."""
        for worker in self._workers:
            worker.start()

    def drain(self, until: float) -> bool:
        """Wait till the closed queue is empty and all calls are done, or the clock says `until`; tell which came first."""
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))
        return not any(worker.is_alive() for worker in self._workers)

    def stop(self) -> None:
        """Have each worker end after its call, whatever is left in the queue."""
        self.stopped = True

    def answer(self, numbers: NDArray[np.int64]) -> None:
        """Answer these requests as one batch, and note when and how well."""
        begun = time.monotonic()
        try:
            well = self._answerer.answer(self._rows[numbers])
        except Exception:  # noqa: BLE001  whatever a model raises is an answer that did not come
            well = np.zeros(len(numbers), dtype=bool)
        ended = time.monotonic()
        self.answered[numbers], self.batch[numbers] = well, len(numbers)
        self.completed[numbers] = ended
        self.spans.append((begun, ended))

    def _work(self) -> None:
        while not self.stopped:
            with self._forming:
                numbers = self._form()
            if not len(numbers):
                return
            self.answer(numbers)

    def _form(self) -> NDArray[np.int64]:
        """Return the numbers of the next batch's requests, none when the queue is closed and empty."""
        taken = os.read(self._requests, self._most_bytes)
        if self._wait_ns and taken:
            until = int(np.frombuffer(taken, QUERY, 1)["sent_ns"][0]) + self._wait_ns
            while (lacking := self._most_bytes - len(taken)) and (left := until - time.monotonic_ns()) > 0:
                if not select.select([self._requests], [], [], left / NS)[0]:
                    break
                more = os.read(self._requests, lacking)
                if not more:
                    break
                taken += more
        return np.frombuffer(taken, QUERY)["number"]


def any_left() -> bool:
    """Tell whether a worker of any run is still there, in a call that has not come back."""
    return any(thread.name == WORKER for thread in threading.enumerate())
