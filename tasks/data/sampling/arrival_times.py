"""When the latest requests of a log came, kept while it is sampled, so that its bursts can be replayed."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_TIMES = 1_000_000  # 8 MB; at a hundred requests a second, almost three hours


class LatestTimes:
    """The latest times of those offered, by any thread and in any order: a stretch of the log with nothing left out."""

    def __init__(self, most: int = MOST_TIMES) -> None:
        self._most = most
        self._parts: list[NDArray[np.int64]] = []
        self._lock = Lock()

    def offer(self, times_us: NDArray[np.int64]) -> None:
        """Take microseconds since 1970, shape (n,)."""
        with self._lock:
            self._parts.append(times_us)
            if sum(map(len, self._parts)) > 2 * self._most:
                self._parts = [self._latest()]

    def clear(self) -> None:
        """Forget what was offered."""
        with self._lock:
            self._parts = []

    def times_us(self) -> NDArray[np.int64]:
        """Return the latest times in order, shape (at most the asked number,)."""
        with self._lock:
            return np.sort(self._latest())

    def _latest(self) -> NDArray[np.int64]:
        every = np.concatenate(self._parts) if self._parts else np.empty(0, dtype=np.int64)
        return np.partition(every, -self._most)[-self._most :] if len(every) > self._most else every
