"""Evaluation's throughput against a bare loop of `session.run` over the same length-sorted, already encoded batches.

The bare loop leaves out encoding, decoding, checks and scoring; evaluation does them all. Both run in turns in one
process. `python benchmarks/evaluate_throughput.py [--check]`
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
GOAL = 0.9
ROUNDS = 10
ROWS = 2000


def main() -> None:
    """Measure both in turns and print the median of the ratios."""
    parser(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAUNCHGATE_HOME"] = home
        pairs = measure(Path(home))
    ratios = [bare / evaluated for bare, evaluated in pairs]
    for bare, evaluated in pairs:
        print(f"bare {ROWS / bare:.0f} rows/s, evaluation {ROWS / evaluated:.0f} rows/s")
    ratio = statistics.median(ratios)
    details = {"rows": ROWS, "bare_seconds": [b for b, _ in pairs], "evaluation_seconds": [e for _, e in pairs]}
    finish("evaluate_throughput", ratio, f">={GOAL}", ratio >= GOAL, details)


def measure(folder: Path) -> list[tuple[float, float]]:
    """Return the seconds of the bare loop and of evaluation, round by round."""
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

    pairs = []
    for number in range(
        ROUNDS + 1
    ):  # each comes first in every other round, so that a drift of the machine favours none
        turns = [bare, evaluated] if number % 2 else [evaluated, bare]
        took = {turn: seconds(turn) for turn in turns}
        pairs.append((took[bare], took[evaluated]))
    return pairs[1:]


def seconds(work: Callable[[], None]) -> float:
    """Return the wall seconds of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
