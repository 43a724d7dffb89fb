"""The open-loop generator beside MLPerf LoadGen's Server scenario: on the same queue, the same server and the same cores.

Three questions in one run. How late are requests sent (p99), at 300 and 800 a second, against LoadGen's, in turns? Does
the generator keep up 10,000 a second with a server that answers at once? And do both engines see the same response times
(p50 and p99) at 0.5 and 0.8 of capacity? For the last an example's model is served, each call drawn out to 20 ms: of a model
whose calls take as long as the machine likes just then, two runs near capacity see different queues, whoever asks. LoadGen
goes first and the generator replays the arrivals in its trace; medians over such pairs. The headline is the worst of the
figures, each over its goal. LoadGen is in infra/locks/test.txt, and in the extra `benchmarks`.
`python benchmarks/load_generator.py [--check]`
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from harness import finish, parser
from load_engines import EngineOffer

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tasks.core.worker import Conversation  # noqa: E402
from tasks.evidence import LoadRun, Replica  # noqa: E402
from tasks.performance.load.arrivals import keep_times  # noqa: E402
from tasks.performance.load.request_log import read_raw, response_seconds  # noqa: E402
from tasks.performance.load.sample_rows import SampleRows, ServedRows, open_rows  # noqa: E402
from tasks.performance.load.server_under_test import ServerOpening  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

LATE_RATES, LATE_SECONDS, LATE_ROUNDS = (300, 800), 2, 3
MOST_RATE, MOST_SECONDS = 10_000, 4
SUSTAINED = 0.99  # of the requests offered, answered a second
SHARES, PAIRS, PAIR_SECONDS = (0.5, 0.8), 5, 8
AGREED = 1.05
# The model takes a small part of it, and so does LoadGen when it is told of an answer, about 0.1 ms on the server's cores.
CALL_SECONDS = 0.020
SINGLE = Replica(largest_batch=1)
ANY_MS = 1e6  # nothing is too late to be looked at here
SEED = 17
LIMIT_SECONDS = 300  # for one run, with the model's loading and its warm-up


class Null:
    """Answers at once."""

    def __len__(self) -> int:
        return 1000

    def answer(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Answer all well."""
        return np.ones(len(rows), dtype=bool)


class DrawnOut:
    """A model whose every call is drawn out to the same time, which must be more than it needs itself."""

    def __init__(self, model: ServedRows) -> None:
        self.model = model

    def __len__(self) -> int:
        return len(self.model)

    def answer(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Have the model answer, and wait until the time is up."""
        until = time.perf_counter() + CALL_SECONDS
        well = self.model.answer(rows)
        time.sleep(max(0.0, until - time.perf_counter()))
        return well


def open_null(_arguments: dict[str, object], _threads: int) -> Null:
    """Return the server that answers at once, in the child that the load is offered to."""
    return Null()


def open_drawn_out(arguments: dict[str, object], threads: int) -> DrawnOut:
    """Return the model with calls of one length, in the child that the load is offered to."""
    return DrawnOut(open_rows(arguments, threads))


def main() -> None:
    """Ask all three and print the worst."""
    parser(__doc__ or "").parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAUNCHGATE_HOME"] = home
        folder = Path(home)
        null = ServerOpening(opener="load_generator:open_null", arguments={}, out=folder / "null")
        with server(null) as test:
            late = {rate: lateness(test, rate) for rate in LATE_RATES}
            most = sustained(test)
        opening = example(folder)
        with server(opening) as test:
            agreement = agreements(test, opening.out)
    ratios = [
        statistics.median(one["launchgate"] / one["mlperf-loadgen"] for one in rounds) for rounds in late.values()
    ]
    apart = max(max(ratio, 1 / ratio) for pair in agreement.values() for ratio in pair["ratios"])
    worst = max(*ratios, SUSTAINED / most["share"], apart / AGREED)
    print(
        f"p99 lateness over LoadGen's {max(ratios):.2f}; {most['answered_per_second']:,.0f} of {MOST_RATE:,} a second"
    )
    print(f"response times over LoadGen's, or under, at most {apart:.3f}")
    details: dict[str, Any] = {"p99_lateness_seconds": {str(rate): rounds for rate, rounds in late.items()}}
    details |= {"lateness_ratios": ratios, "most": most, "agreement": agreement, "furthest_apart": apart}
    finish("load_generator", worst, "<=1", worst <= 1, details)


@contextmanager
def server(opening: ServerOpening) -> Iterator[Conversation]:
    """Open a server in a process of its own, to which both generators offer loads."""
    child = Conversation("load_engines", opening)
    try:
        yield child
    finally:
        child.close()


def example(folder: Path) -> ServerOpening:
    """Return the opening of the bigram example's exported model, drawn out, with rows of its log."""
    from infra.storage import open_log
    from tasks.candidate.folder import load_candidate
    from tasks.data.sampling import draw_sample
    from tasks.decision.policy import load_policy
    from tasks.serving.server import serving_of
    from tasks.variants.export import export_model
    from tasks.variants.recipes import RECIPES

    candidate, policy = load_candidate(ROOT / "candidates" / "sentiment_bigram", RECIPES), load_policy("standard")
    rows = folder / "rows.parquet"
    log = open_log(str(candidate.resolve(candidate.data.production)))
    draw_sample(log, candidate.columns, policy.sample, candidate.data.as_of, rows)
    served = serving_of(candidate, export_model(candidate, rows), "cpu", 1)
    arguments = SampleRows(serving=served, rows=rows).model_dump(mode="json")
    return ServerOpening(opener="load_generator:open_drawn_out", arguments=arguments, out=folder / "model")


def lateness(test: Conversation, rate: float) -> list[dict[str, float]]:
    """Return the p99 lateness of both engines, round by round, in turns from either end."""
    rounds = []
    for number in range(LATE_ROUNDS):
        engines = ("launchgate", "mlperf-loadgen") if number % 2 else ("mlperf-loadgen", "launchgate")
        rounds.append(
            {engine: run(test, rate, LATE_SECONDS, number, engine).lateness.p99_seconds for engine in engines}
        )
        print(
            f"{rate} a second, p99 late:", ", ".join(f"{name} {1e3 * late:.3f} ms" for name, late in rounds[-1].items())
        )
    return rounds


def sustained(test: Conversation) -> dict[str, float]:
    """Return what came of the highest rate: answered a second, their share of what was offered, p99 lateness."""
    found = run(test, MOST_RATE, MOST_SECONDS, 0)
    return {
        "answered_per_second": found.answered_per_second,
        "share": found.answered_per_second * MOST_SECONDS / found.requests,
        "answered_of_offered": found.answered / found.requests,
        "p99_lateness_seconds": found.lateness.p99_seconds,
    }


def agreements(test: Conversation, out: Path) -> dict[str, dict[str, Any]]:
    """Return p50 and p99 of both engines at each share of capacity, and the medians of their ratios."""
    capacity = run(test, 1000, 1, 0, replica=SINGLE).answered_per_second
    found = {}
    for share in SHARES:
        pairs = [pair(test, share * capacity, number, out) for number in range(PAIRS)]
        ratios = np.median([np.divide(own, theirs) for theirs, own in pairs], axis=0)
        print(
            f"model at {share:g} of {capacity:.0f} a second: p50 and p99 over LoadGen's {ratios.round(3)}", flush=True
        )
        found[f"{share:g} of capacity"] = {"capacity": capacity, "pairs": pairs, "ratios": ratios.tolist()}
    return found


def pair(test: Conversation, rate: float, seed: int, out: Path) -> tuple[list[float], list[float]]:
    """Return p50 and p99 response seconds of LoadGen's run, and of the generator's with the same arrivals."""
    theirs = read(run(test, rate, PAIR_SECONDS, seed, "mlperf-loadgen", SINGLE), out)
    times = np.round(theirs["scheduled"] * 1e6)
    span = times[-1] / 1e6 * len(times) / (len(times) - 1)
    replay = keep_times(times, out / f"times-{time.monotonic_ns()}.npy")
    offer = EngineOffer(
        replica=SINGLE, arrivals=replay, rate=len(times) / span, seconds=span, seed=seed, slo_ms=ANY_MS
    )  # fmt: skip
    own = read(test.ask(offer, LoadRun, LIMIT_SECONDS), out)
    return percentiles(theirs), percentiles(own)


def run(
    test: Conversation,
    rate: float,
    seconds: float,
    seed: int,
    engine: Any = "launchgate",
    replica: Replica | None = None,
) -> LoadRun:
    """Return a run of Poisson arrivals; a server that answers at once may take 64 requests at a time."""
    offer = EngineOffer(
        replica=replica or Replica(largest_batch=64), rate=rate, seconds=seconds, seed=SEED + seed, slo_ms=ANY_MS,
        engine=engine,
    )  # fmt: skip
    return test.ask(offer, LoadRun, LIMIT_SECONDS)


def read(found: LoadRun, out: Path) -> dict[str, np.ndarray]:
    """Return a run's requests."""
    return read_raw(out / Path(found.raw.path).name)


def percentiles(table: dict[str, np.ndarray]) -> list[float]:
    """Return p50 and p99 of the response seconds."""
    return [float(value) for value in np.quantile(response_seconds(table), [0.5, 0.99])]


if __name__ == "__main__":
    main()
