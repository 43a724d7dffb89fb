"""How often the forecast made at launch holds in the first week: intervals of one sample against another's truth.

Both example models answer every labelled request of their log once. Then, many times over, one random part of the requests
is the sample that a launch would have drawn, and a part that shares no request with it is the first week. Each forecast is
the interval in which the week's own share should lie 95 times in 100 (a prediction interval, since a week is a sample
too): accuracy overall, of each source, of the source that was worst at launch, and the same from the evaluation set alone,
which is what the talk's team had. `python benchmarks/first_week.py [--check]`
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from harness import finish, parser

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tasks.statistics import rate_forecast  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd

CANDIDATES = ("sentiment_bigram", "sentiment_minilm")
LAUNCH_ROWS = WEEK_ROWS = 3_000
TRIALS = 2_000
SIDE = 0.975  # of each bound: 95 times in 100 between the two
LEAST_HELD = 0.94
SEED = 11


def main() -> None:
    """Answer, draw, count, and print how often each forecast held; the headline is the worst of those from production."""
    parser(__doc__ or "").parse_args()
    details = {}
    print(f"{'model':<20}{'forecast':<34}{'at launch':>10}{'held':>8}")
    for name in CANDIDATES:
        with tempfile.TemporaryDirectory() as home:
            os.environ["LAUNCHGATE_HOME"] = home
            production, evaluation = answers(name, Path(home))
        details[name] = week(name, production, evaluation)
    worst = min(
        row["held"] for rows in details.values() for what, row in rows.items() if what != "evaluation set alone"
    )
    finish(
        "first_week", worst, f">={LEAST_HELD}", worst >= LEAST_HELD, details | {"trials": TRIALS, "rows": LAUNCH_ROWS}
    )


def answers(name: str, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scored labelled requests of the candidate's whole log, and its scored evaluation set."""
    import pandas as pd

    from infra.storage import open_log
    from tasks.candidate import load_candidate
    from tasks.datasets import copy_fixed_sets
    from tasks.evaluate import evaluate_variant
    from tasks.evidence import FirstLaunch
    from tasks.export import export_model, serving
    from tasks.policy import load_policy
    from tasks.sample import draw_sample
    from tasks.score import PRODUCTION_FILE

    candidate, policy = load_candidate(ROOT / "candidates" / name), load_policy("standard")
    sets = copy_fixed_sets(candidate, folder)
    everything = policy.sample.model_copy(update={"rows": 1_000_000, "rows_per_slice": 0})
    log = open_log(str(candidate.resolve(candidate.data.production)))
    draw_sample(log, candidate.columns, everything, candidate.data.as_of, sets.production)
    served = serving(candidate, export_model(candidate, sets.production), "cpu", policy.measure.threads)
    out = folder / "variants" / "fp32"
    evaluate_variant(candidate, served, sets, out, out / PRODUCTION_FILE, FirstLaunch(model=name))
    production, evaluation = (
        pd.read_parquet(out / f"predictions-{dataset}.parquet") for dataset in ("production", "evaluation")
    )
    return production[production["label"].notna()].reset_index(drop=True), evaluation


def week(name: str, production: pd.DataFrame, evaluation: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return for each forecast its mean at launch and how often the week's truth was in its interval."""
    random = np.random.default_rng(SEED)
    right = production["right"].to_numpy()
    sources = production["slice_source"].to_numpy(dtype=object)
    values = sorted(set(sources))
    held: dict[str, list[tuple[float, bool]]] = {}
    for _ in range(TRIALS):
        drawn = random.permutation(len(production))
        launch, later = drawn[:LAUNCH_ROWS], drawn[LAUNCH_ROWS : LAUNCH_ROWS + WEEK_ROWS]
        trial = {"accuracy": (right[launch], right[later], 1)}
        parts = {
            value: (right[launch][sources[launch] == value], right[later][sources[later] == value]) for value in values
        }
        trial |= {f"accuracy of {value}": (*part, 1) for value, part in parts.items()}
        worst = min(parts, key=lambda value: parts[value][0].mean())
        trial["accuracy of the worst source"] = (*parts[worst], len(parts))
        trial["evaluation set alone"] = (evaluation["right"].to_numpy(), right[later], 1)
        for what, (seen, truth, chosen_of) in trial.items():
            forecast = rate_forecast(int(seen.sum()), len(seen), len(truth), 1 - (1 - SIDE) / chosen_of)
            held.setdefault(what, []).append((forecast.estimate, forecast.low <= truth.mean() <= forecast.high))
    found = {}
    for what, trials in held.items():
        found[what] = {
            key: float(np.mean(column))
            for key, column in zip(("forecast", "held"), zip(*trials, strict=True), strict=True)
        }
        print(f"{name:<20}{what:<34}{found[what]['forecast']:>10.1%}{found[what]['held']:>8.1%}", flush=True)
    return found


if __name__ == "__main__":
    main()
