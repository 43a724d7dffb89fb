"""A server under test that stays loaded from one run to the next."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.errors import StageError
from tasks.core.records import Record
from tasks.performance.latency.noise import OtherLoad
from tasks.performance.load.generator import Generator
from tasks.performance.load.run import Offer, own_engine, run_load

if TYPE_CHECKING:
    from tasks.evidence import LoadRun, Replica
    from tasks.performance.load.batcher import Answerer

WARMUP_CALLS = 10  # of single rows, and of the largest batch
MOST_REFUSALS = 100  # rows that fail from the first on, after which all are taken to


class ServerOpening(Record):
    """Who answers, and where runs are kept.

    `opener` is `module:function`: called with `arguments` and the number of intra-op threads, it returns an Answerer.
    """

    opener: str
    arguments: dict[str, Any]
    out: Path


class ServerUnderTest:
    """The answerers that runs have needed so far, loaded and warm, and the generator of their requests."""

    def __init__(self, opening: ServerOpening) -> None:
        self.opening = opening
        module, _, function = opening.opener.partition(":")
        self._open = getattr(import_module(module), function)
        self._loaded: dict[int, Answerer] = {}  # by intra-op threads
        self._warm: set[tuple[int, int]] = set()
        self._generator = Generator()
        self.engine = own_engine(self._generator)

    def run(self, offer: Offer) -> LoadRun:
        """Offer a load, loading what the replica has not yet. Raises StageError as `run_load` does."""
        answerer, others = self.answerer(offer.replica), OtherLoad()
        found = run_load(answerer, offer, self.opening.out, self.engine)
        return found.model_copy(update={"other_load": others.read(self._generator.pid)})

    def answerer(self, replica: Replica) -> Answerer:
        """Return the warm answerer that the replica's workers share. Raises StageError where no row can be answered."""
        if replica.threads not in self._loaded:
            self._loaded[replica.threads] = self._open(self.opening.arguments, replica.threads)
        answerer = self._loaded[replica.threads]
        if (key := (replica.threads, replica.largest_batch)) not in self._warm:
            _warm_up(answerer, replica.largest_batch)
            self._warm.add(key)
        return answerer


def _warm_up(answerer: Answerer, largest_batch: int) -> None:
    """Call with single rows and the largest batch. Raises StageError where no single row is answered."""
    answered = 0
    for row in range(min(MOST_REFUSALS, max(WARMUP_CALLS, len(answerer)))):
        answered += _answers(answerer, np.array([row % len(answerer)]))
        if answered == WARMUP_CALLS:
            break
    if not answered:
        raise StageError("none of the first production rows could be answered, so there is nothing to put under load")
    for call in range(WARMUP_CALLS if largest_batch > 1 else 0):
        _answers(answerer, (np.arange(largest_batch) + call * largest_batch) % len(answerer))


def _answers(answerer: Answerer, rows: np.ndarray) -> bool:
    try:
        return bool(answerer.answer(rows).all())
    except Exception:  # noqa: BLE001  whatever a model raises is an answer that did not come
        return False
