"""Evaluation's throughput against a bare loop of `session.run` over the same length-sorted, already encoded batches.

The bare loop leaves out encoding, decoding, checks and scoring; evaluation does them all. Beside them runs a naive loop,
which answers batches of the same size as they arrive, each padded to its longest text. All run in turns in one process.
`python benchmarks/evaluate_throughput.py [--check]`
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness import finish, parser

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
GOAL, NAIVE_GOAL = 0.95, 2.0
ROUNDS = 40
ROWS = 500


def main() -> None:
    """Measure all in turns and print the medians of the ratios."""
    parser(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAUNCHGATE_HOME"] = home
        rounds = measure(Path(home))
    for took in rounds:
        print(", ".join(f"{name} {ROWS / spent:.0f} rows/s" for name, spent in took.items()))
    ratio, faster = (
        statistics.median(took[name] / took["evaluation"] for took in rounds) for name in ("bare", "naive")
    )
    print(f"evaluation against the naive loop: {faster:.2f} times its rows a second (goal {NAIVE_GOAL:g})")
    details = {"rows": ROWS, "times_naive": faster, "goal_times_naive": NAIVE_GOAL}
    details |= {f"{name}_seconds": [took[name] for took in rounds] for name in rounds[0]}
    good = ratio >= GOAL and faster >= NAIVE_GOAL
    finish("evaluate_throughput", ratio, f">={GOAL}", good, details)


def measure(folder: Path) -> list[dict[str, float]]:
    """Return the seconds of the bare loop, of evaluation and of the naive loop, round by round."""
    import numpy as np
    import pandas as pd

    from infra.storage import open_log
    from tasks.candidate import load_candidate
    from tasks.evaluate import BATCH, predict_all
    from tasks.export import export_model, serving
    from tasks.policy import load_policy
    from tasks.sample import draw_sample
    from tasks.serving import Server, batches, lengths

    candidate, policy = load_candidate(ROOT / "candidates" / "sentiment_minilm"), load_policy("standard")
    sampling = policy.sample.model_copy(update={"rows": ROWS})
    log = open_log(str(candidate.resolve(candidate.data.production)))
    draw_sample(log, candidate.columns, sampling, candidate.data.as_of, folder / "rows.parquet")
    server = Server(serving(candidate, export_model(candidate, folder / "rows.parquet"), "cpu", policy.measure.threads))
    inputs = pd.read_parquet(folder / "rows.parquet")[list(candidate.columns.input)]
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
    for number in range(ROUNDS + 1):  # in turns from either end, so that a drift of the machine favours none
        order = list(turns) if number % 2 else list(reversed(turns))
        took = {name: seconds(turns[name]) for name in order}
        rounds.append({name: took[name] for name in turns})
    return rounds[1:]


def seconds(work: Callable[[], None]) -> float:
    """Return the wall seconds of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
