"""MLPerf LoadGen's Server scenario in the generator's place: the same queue, the same server, its own clock and arrivals.

`python -m mlcommons_loadgen REQUEST.json RESPONSE.json`, as its run starts it, with this folder on PYTHONPATH. LoadGen runs
in a process of its own, because an exception in its callback aborts the process, and a request that is never completed would
hang it for ever. The file has the distribution's name, not the module's: `mlperf_loadgen` is what it imports.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import threading
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tasks.core.errors import InputError, StageError  # noqa: E402
from tasks.core.records import Record  # noqa: E402
from tasks.core.worker import answer_request, run_worker  # noqa: E402
from tasks.evidence import PoissonArrivals  # noqa: E402
from tasks.performance.load.batcher import Batcher  # noqa: E402
from tasks.performance.load.generator import go_first  # noqa: E402
from tasks.performance.load.request_pipe import Queue  # noqa: E402
from tasks.performance.load.run import START_SECONDS, LoadEngine, RequestTimes, end_run  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.evidence import Replica
    from tasks.performance.load.batcher import Answerer
    from tasks.performance.load.run import Offer

DISTRIBUTION = "mlcommons-loadgen"
TIMES = "times.npy"
TRACE = "mlperf_log_trace.json"
# Not read as JSON: some names in it are quoted twice.
SAMPLE = re.compile(
    r'"name":"Sample","cat":"default","ph":"b","pid":\d+,"id":\d+,"ts":(?P<ts>[\d.]+),"args":\{"sample_seq":(?P<number>\d+),'
    r'[^}]*"issue_start_ns":(?P<issued>-?\d+),"complete_ns":(?P<complete>-?\d+)'
)
US, NS = 1e-6, 1e-9
NUMBER_BYTES = 8
FINISHED_AT_ONCE = 1 << 16


class Asked(Record):
    """What LoadGen is to offer; `requests` is the pipe to the server and `finished` the one back."""

    rate: float
    count: int
    seed: int
    drain_seconds: float
    requests: Path
    finished: Path
    folder: Path


class Offered(Record):
    """The numbers of the requests that were not done in time; the times lie in `folder`/times.npy, float64 [3, requests].

    Its rows are scheduled, dispatched and completed, in seconds from the first scheduled request, as LoadGen's trace has
    them.
    """

    unfinished: tuple[int, ...]


class TellingBatcher(Batcher):
    """Workers that also write the number of each request that is done, as int64, to the pipe `finished`."""

    def __init__(
        self, answerer: Answerer, replica: Replica, rows: NDArray[np.intp], requests: int, finished: int
    ) -> None:
        super().__init__(answerer, replica, rows, requests)
        self._finished = finished

    def answer(self, numbers: NDArray[np.int64]) -> None:
        """Answer the requests as one batch, and tell LoadGen."""
        super().answer(numbers)
        if not self.stopped:
            os.write(self._finished, numbers.tobytes())


def loadgen() -> LoadEngine:
    """Return LoadGen as an engine for `run_load`. Raises StageError where it is not installed."""
    return LoadEngine(engine="mlperf-loadgen", version=version(), play=play)


def play(
    answerer: Answerer, offer: Offer, due: NDArray[np.float64], rows: NDArray[np.intp], queue: Queue
) -> tuple[Batcher, RequestTimes]:
    """Have LoadGen send as many requests as are due, by a schedule of its own.

    Raises InputError where the arrivals are not Poisson, and StageError where LoadGen's process could not do it.
    """
    if not isinstance(offer.arrivals, PoissonArrivals):
        raise InputError(
            f"LoadGen's arrivals are Poisson; offer {offer.arrivals.process} ones with launchgate's generator"
        )
    with Queue(queue.path.with_name("finished")) as back:
        asked = Asked(
            rate=offer.rate, count=len(due), seed=offer.seed, drain_seconds=offer.drain_seconds, requests=queue.path,
            finished=back.path, folder=queue.path.parent,
        )  # fmt: skip
        batcher = TellingBatcher(answerer, offer.replica, rows, queue.reader, back.writer)
        batcher.start()
        try:
            limit = 2 * offer.seconds + offer.drain_seconds + START_SECONDS
            offered = run_worker("mlcommons_loadgen", asked, Offered, limit)
        finally:
            end_run(batcher, queue)
    scheduled, dispatched, completed = np.load(queue.path.with_name(TIMES))
    completed[list(offered.unfinished)] = np.inf
    return batcher, RequestTimes(scheduled, dispatched, completed)


def version() -> str:
    """Return LoadGen's version. Raises StageError where it is not installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError as error:
        raise StageError(
            f"{DISTRIBUTION} is not installed (it has wheels for Linux on x86-64, Python 3.11 to 3.13), so LoadGen can't "
            "offer the load; install it from infra/locks/test.txt"
        ) from error


def offer(asked: Asked) -> Offered:
    """Have LoadGen send its requests and return which were given up; the body of LoadGen's process."""
    import mlperf_loadgen as library

    exchange = _Exchange(asked, library)
    under_test = library.ConstructSUT(exchange.issue, lambda: None)
    # which row a request asks for, the server knows
    samples = library.ConstructQSL(1, 1, lambda _: None, lambda _: None)
    library.StartTestWithLogSettings(under_test, samples, _settings(asked, library), _logs(asked.folder, library))
    library.DestroyQSL(samples)
    library.DestroySUT(under_test)
    if exchange.error is not None:
        raise exchange.error
    np.save(asked.folder / TIMES, read_trace(asked.folder / TRACE, asked.count))
    return Offered(unfinished=tuple(sorted(exchange.given_up)))


class _Exchange:
    """LoadGen's requests on their way to the server, and their completions on the way back."""

    def __init__(self, asked: Asked, library: Any) -> None:
        self.error: BaseException | None = None
        self.given_up: list[int] = []
        self._asked, self._library = asked, library
        self._ids: list[int] = []
        self._open: set[int] = set()
        self._lock = threading.Lock()
        self._requests = os.open(asked.requests, os.O_WRONLY)
        self._finished = os.open(asked.finished, os.O_RDONLY)
        threading.Thread(target=self._complete, daemon=True).start()

    def issue(self, samples: Any) -> None:
        """Send requests to the server; what can't be sent is done at once, since nothing may be raised here."""
        for sample in samples:
            number = len(self._ids)
            self._ids.append(sample.id)
            self._open.add(number)
            try:
                os.write(self._requests, struct.pack("<qq", number, time.monotonic_ns()))
            except OSError as error:
                self.error = error
                self._end([number], given_up=True)
            if number == self._asked.count - 1:
                waiting = threading.Timer(self._asked.drain_seconds, self._give_up)
                waiting.daemon = True
                waiting.start()

    def _complete(self) -> None:
        """Tell LoadGen what is done, at once: a thread that waits for the server's core does so milliseconds late."""
        go_first()
        while data := os.read(self._finished, FINISHED_AT_ONCE):
            self._end(list(struct.unpack(f"<{len(data) // NUMBER_BYTES}q", data)))

    def _give_up(self) -> None:
        self._end(sorted(self._open), given_up=True)

    def _end(self, numbers: list[int], *, given_up: bool = False) -> None:
        """Complete these requests, each once."""
        with self._lock:
            mine = [number for number in numbers if number in self._open]
            self._open.difference_update(mine)
            if given_up:
                self.given_up += mine
        if mine:
            response = self._library.QuerySampleResponse
            self._library.QuerySamplesComplete([response(self._ids[number], 0, 0) for number in mine])


def read_trace(path: Path, count: int) -> NDArray[np.float64]:
    """Return scheduled, dispatched and completed of each request in a trace, shape [3, count], seconds from the first.

    Raises StageError where the trace lacks some of them.
    """
    found = {
        int(sample["number"]): (float(sample["ts"]) * US, int(sample["issued"]) * NS, int(sample["complete"]) * NS)
        for sample in SAMPLE.finditer(path.read_text())
    }
    if sorted(found) != list(range(count)):
        raise StageError(f"LoadGen's trace {path.name} holds {len(found)} requests of {count}; it can't be read")
    scheduled, issued, complete = np.array([found[number] for number in range(count)]).T
    scheduled -= scheduled[0]
    return np.stack([scheduled, scheduled + issued, scheduled + complete])


def _settings(asked: Asked, library: Any) -> Any:
    """Return LoadGen's settings: its verdict is not used, so nothing of it may end the run early."""
    made = library.TestSettings()
    made.scenario = library.TestScenario.Server
    made.mode = library.TestMode.PerformanceOnly
    made.server_target_qps = asked.rate
    made.server_max_async_queries = 0  # with a limit it ends where a queue begins, which is what there is to see
    made.min_query_count = asked.count
    made.max_query_count = 0
    made.min_duration_ms = 0
    made.max_duration_ms = 0
    made.schedule_rng_seed = asked.seed
    return made


def _logs(folder: Path, library: Any) -> Any:
    made = library.LogSettings()
    made.enable_trace = True  # the only place where single requests are told
    made.log_output = library.LogOutputSettings()
    made.log_output.outdir = str(folder)
    made.log_output.copy_summary_to_stdout = False
    return made


if __name__ == "__main__":
    answer_request(Asked, offer)
