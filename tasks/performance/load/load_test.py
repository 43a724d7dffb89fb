"""A server in a process of its own that is asked for one run after another, so that a search can choose its next rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from tasks.core.errors import StageError
from tasks.core.worker import Conversation
from tasks.evidence import Arrivals, LoadRun, Replica
from tasks.performance.load.request_log import read_raw, response_seconds
from tasks.performance.load.run import START_SECONDS, STOP_SECONDS, Offer

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from tasks.performance.load.server_under_test import ServerOpening

SECOND_TRIES = 3  # of runs that say nothing, since the machine was disturbed; a server that is gone says so again
LOADING_SECONDS = 120  # for a model to be loaded and warmed up, before any run that needs another one


class LoadTest:
    """A loaded server, a way in which requests arrive, and the latency that is to be told; a context manager.

    `runs` holds the record of every run so far.
    """

    def __init__(self, opening: ServerOpening, arrivals: Arrivals, slo_ms: float) -> None:
        self.runs: list[LoadRun] = []
        self._opening, self._arrivals = opening, arrivals
        self._slo_ms = slo_ms
        self._second_tries = SECOND_TRIES
        self._child = Conversation("tasks.performance.load", opening)

    def probe(self, replica: Replica, rate: float, seed: int, seconds: float) -> NDArray[np.float64]:
        """Return the response seconds of each request in order of its scheduled arrival, infinite where none came.

        `rate` is the mean of requests a second. Raises StageError where the generator was too late to tell, or the
        server's process crashed or hung.
        """
        run = self.run(
            Offer(
                replica=replica, arrivals=self._arrivals, rate=rate, seconds=seconds, seed=seed, slo_ms=self._slo_ms
            )
        )  # fmt: skip
        return response_seconds(read_raw(self._opening.out / Path(run.raw.path).name))

    def run(self, offer: Offer) -> LoadRun:
        """Offer a load and return its record, the second one where the first run told nothing. Raises StageError as `probe` does."""
        limit = 2 * offer.seconds + 2 * offer.drain_seconds + START_SECONDS + STOP_SECONDS + LOADING_SECONDS
        try:
            run = self._child.ask(offer, LoadRun, limit)
        except StageError:
            if not self._second_tries:
                raise
            self._second_tries -= 1
            run = self._child.ask(offer, LoadRun, limit)
        self.runs.append(run)
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close()
