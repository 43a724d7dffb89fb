"""Dynamic batching: what the workers take from the queue, and what becomes of a batch that fails."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from tasks.evidence import Replica
from tasks.performance.load.batcher import QUERY, Batcher
from tasks.performance.load.request_pipe import Queue

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class Remembers:
    """Answers every row but those that it refuses, and keeps the batches that it was given."""

    def __init__(self, *, raises: int = -1, badly: int = -1) -> None:
        self.raises, self.badly = raises, badly
        self.batches: list[list[int]] = []

    def __len__(self) -> int:
        return 100

    def answer(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Raise where one row is in the batch, answer another badly, and all others well."""
        self.batches.append(rows.tolist())
        if self.raises in rows:
            raise ValueError("no")
        return rows != self.badly


def send(queue: Queue, *numbers: int) -> None:
    """Send requests now."""
    os.write(queue.writer, np.array([(number, time.monotonic_ns()) for number in numbers], QUERY).tobytes())


def serve(folder: Path, answerer: Remembers, replica: Replica, *parts: tuple[int, ...]) -> Batcher:
    """Send the parts one after the other, each when the one before is taken, to rows 10 times their number."""
    with Queue(folder / "queue") as queue:
        batcher = Batcher(answerer, replica, np.arange(20) * 10 % 100, queue.reader)
        send(queue, *parts[0])
        batcher.start()
        for part in parts[1:]:
            time.sleep(0.05)
            send(queue, *part)
        queue.close()
        assert batcher.drain(time.monotonic() + 30)
    return batcher


def test_what_waits_is_taken_up_to_the_largest_batch(tmp_path: Path) -> None:
    """Ten requests that are there make batches of four, four and two, and each asks for its row."""
    answerer = Remembers()
    batcher = serve(tmp_path, answerer, Replica(largest_batch=4), tuple(range(10)))
    assert answerer.batches == [[0, 10, 20, 30], [40, 50, 60, 70], [80, 90]]
    assert batcher.batch[:10].tolist() == [4] * 8 + [2] * 2
    assert batcher.answered[:10].all()
    assert np.isfinite(batcher.completed[:10]).all()
    assert np.isinf(batcher.completed[10:]).all()


def test_a_batch_waits_for_more_until_it_is_full(tmp_path: Path) -> None:
    """With a long wait the first request shares its batch with the next; without one it goes alone."""
    patient, hasty = Remembers(), Remembers()
    serve(tmp_path, patient, Replica(largest_batch=2, longest_wait_ms=20_000), (0,), (1,))
    (tmp_path / "queue").unlink()
    serve(tmp_path, hasty, Replica(largest_batch=2), (0,), (1,))
    assert (patient.batches, hasty.batches) == ([[0, 10]], [[0], [10]])


def test_a_batch_that_lacks_requests_goes_when_its_first_has_waited_long_enough(tmp_path: Path) -> None:
    """It is not held until the queue is closed."""
    answerer = Remembers()
    with Queue(tmp_path / "queue") as queue:
        batcher = Batcher(answerer, Replica(largest_batch=9, longest_wait_ms=30), np.arange(20), queue.reader)
        batcher.start()
        send(queue, 0)
        until = time.monotonic() + 30
        while not answerer.batches and time.monotonic() < until:
            time.sleep(0.01)
        assert answerer.batches == [[0]]
        queue.close()
        assert batcher.drain(until)
    assert batcher.spans[0][0] >= 0.03


def test_a_call_that_raises_fails_its_whole_batch(tmp_path: Path) -> None:
    """As callers of a dynamic batcher see it: neighbours fail too, and the next batch is answered."""
    batcher = serve(tmp_path, Remembers(raises=10), Replica(largest_batch=4), tuple(range(8)))
    assert batcher.answered[:8].tolist() == [False] * 4 + [True] * 4
    assert np.isfinite(batcher.completed[:8]).all()


def test_a_row_that_is_answered_badly_fails_alone(tmp_path: Path) -> None:
    """Its neighbours have their answers."""
    batcher = serve(tmp_path, Remembers(badly=10), Replica(largest_batch=4), tuple(range(4)))
    assert batcher.answered[:4].tolist() == [True, False, True, True]


def test_workers_end_after_their_call_when_they_are_stopped(tmp_path: Path) -> None:
    """What is left in the queue stays there."""
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Remembers):
        def answer(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
            begun.set()
            go_on.wait(30)
            return super().answer(rows)

    answerer = Slow()
    with Queue(tmp_path / "queue") as queue:
        batcher = Batcher(answerer, Replica(largest_batch=1), np.arange(20), queue.reader)
        send(queue, *range(5))
        batcher.start()
        assert begun.wait(30)
        batcher.stop()
        assert not batcher.drain(time.monotonic() + 0.05)
        go_on.set()
        assert batcher.drain(time.monotonic() + 30)
    assert answerer.batches == [[0]]
