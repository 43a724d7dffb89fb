"""How often the forecast made at launch holds in the first week: intervals of one sample against another's truth.

Each example model answers every request of its log once. Then, many times over, a random half of the requests is what a
launch would have drawn from, and the other half is the first week. Each forecast is the interval in which the week's own
share should lie 95 times in 100 (a prediction interval, since a week is a sample too): accuracy overall, of each value of
the first slice column, of the value that was worst at launch, answered requests, failed ones, and accuracy from the
evaluation set alone, which is what the talk's team had.

Random halves are alike by construction, and real weeks are not. So the flights' forecasts are also made as they would have
been: from the 28 days before each possible launch, for the 7 days after it, with rows counted as the days let them and,
beside that, as if they were independent. `python benchmarks/first_week.py [--check]`
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from harness import finish, parser

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tasks.statistics import Interval, rate_forecast  # noqa: E402
from tasks.tally import ABSTAINED, ANSWERED, BROKEN, design, share  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd

CANDIDATES = ("sentiment_bigram", "sentiment_minilm", "pronounce", "flight_delay")
IN_TIME = "flight_delay"
LAUNCH_DAYS, WEEK_DAYS = 28, 7
TRIALS = 1_000
SIDE = 0.975  # of each bound: 95 times in 100 between the two
LEAST_HELD = 0.94
SEED = 11
ALONE = "evaluation set alone"
Row = dict[str, float]


def main() -> None:
    """Answer, draw, count, and print how often each forecast held; the headline is the worst of those from production."""
    parser(__doc__ or "").parse_args()
    details: dict[str, dict[str, Row]] = {}
    print(f"{'model':<20}{'forecast':<36}{'at launch':>10}{'held':>8}")
    for name in CANDIDATES:
        with tempfile.TemporaryDirectory() as home:
            os.environ["LAUNCHGATE_HOME"] = home
            production, evaluation = answers(name, Path(home))
        details[name] = show(name, halves(production, evaluation))
        if name == IN_TIME:
            details[f"{name}, in time"] = show(f"{name}, in time", in_time(production))
    random = [rows for name, rows in details.items() if not name.endswith("in time")]
    worst = min(row["held"] for rows in random for what, row in rows.items() if what != ALONE)
    finish("first_week", worst, f">={LEAST_HELD}", worst >= LEAST_HELD, details | {"trials": TRIALS})


def answers(name: str, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scored requests of the candidate's whole log, and its scored evaluation set."""
    import pandas as pd

    from infra.storage import open_log
    from tasks.candidate import load_candidate
    from tasks.datasets import copy_fixed_sets
    from tasks.evaluate import evaluate_variant
    from tasks.evidence import FirstLaunch
    from tasks.export import export_model, serving
    from tasks.marking import marking
    from tasks.policy import load_policy
    from tasks.sample import draw_sample
    from tasks.score import EVALUATION_FILE, PRODUCTION_FILE

    candidate = load_candidate(ROOT / "candidates" / name)
    policy = load_policy(candidate.policy)
    sets = copy_fixed_sets(candidate, folder)
    everything = policy.sample.model_copy(update={"rows": 1_000_000, "rows_per_slice": 0})
    log = open_log(str(candidate.resolve(candidate.data.production)))
    draw_sample(log, candidate.columns, everything, candidate.data.as_of, sets.production)
    marked = marking(candidate, policy, sets.evaluation)
    served = serving(candidate, export_model(candidate, sets.production), "cpu", policy.measure.threads, marked)
    out = folder / "variants" / "fp32"
    evaluate_variant(candidate, served, sets, out, out / PRODUCTION_FILE, FirstLaunch(model=name))
    return pd.read_parquet(out / PRODUCTION_FILE), pd.read_parquet(out / EVALUATION_FILE)


def halves(production: pd.DataFrame, evaluation: pd.DataFrame) -> dict[str, list[tuple[float, bool]]]:
    """Return for each forecast its value at launch and whether the week's truth was in its interval, draw by draw."""
    random = np.random.default_rng(SEED)
    right, labelled = production["right"].to_numpy(), production["label"].notna().to_numpy()
    outcome = production["outcome"].to_numpy(dtype=object)
    column = next(name for name in production if str(name).startswith("slice_"))
    slices = {
        str(value): labelled & (production[column] == value).to_numpy()
        for value, count in production.loc[labelled, column].value_counts().items()
        if count >= len(production) / 50
    }
    asked = {"accuracy": (right, labelled)} | {f"accuracy of {name}": (right, mask) for name, mask in slices.items()}
    everywhere = np.ones(len(production), dtype=bool)
    asked["answered"] = (outcome == ANSWERED, everywhere)
    asked["abstained"] = (outcome == ABSTAINED, everywhere)
    asked["failed"] = (np.isin(outcome, BROKEN), everywhere)
    offline = evaluation["right"].to_numpy()
    held: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for _ in range(TRIALS):
        launch = np.zeros(len(production), dtype=bool)
        launch[random.permutation(len(production))[: len(production) // 2]] = True
        for what, (events, trials) in asked.items():
            held[what].append(holds(events[trials & launch], events[trials & ~launch], 1))
        worst = min(slices, key=lambda name: right[slices[name] & launch].mean())
        parts = (right[slices[worst] & side] for side in (launch, ~launch))
        held["accuracy of the worst slice"].append(holds(*parts, len(slices)))
        held[ALONE].append(holds(offline, right[labelled & ~launch], 1))
    return held


def holds(seen: np.ndarray, later: np.ndarray, chosen_of: int) -> tuple[float, bool]:
    """Forecast a share of `later` from `seen`, and say whether it holds; of the worst of several, each shares the level."""
    forecast = rate_forecast(int(seen.sum()), len(seen), len(later), 1 - (1 - SIDE) / chosen_of)
    return forecast.estimate, contains(forecast, float(later.mean()))


def in_time(production: pd.DataFrame) -> dict[str, list[tuple[float, bool]]]:
    """Return the accuracy forecast from the days before each possible launch against the week after it."""
    right, labelled = production["right"].to_numpy(), production["label"].notna().to_numpy()
    days = np.unique(production["day"].to_numpy(dtype=str), return_inverse=True)[1]
    weights = np.ones(len(production))
    held: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for first in range(int(days.max()) + 2 - LAUNCH_DAYS - WEEK_DAYS):
        launch = labelled & (days >= first) & (days < first + LAUNCH_DAYS)
        week = labelled & (days >= first + LAUNCH_DAYS) & (days < first + LAUNCH_DAYS + WEEK_DAYS)
        truth = float(right[week].mean())
        for what, effect in (
            ("accuracy, as days differ", design(right, weights, launch, days)),
            ("accuracy, as if independent", 1.0),
        ):
            seen = share(right, weights, launch, effect)
            forecast = rate_forecast(seen.events, seen.trials, week.sum() / effect, SIDE)
            held[what].append((forecast.estimate, contains(forecast, truth)))
    return held


def contains(forecast: Interval, truth: float) -> bool:
    """Tell whether a share lies in its forecast."""
    return forecast.low <= truth <= forecast.high


def show(name: str, held: dict[str, list[tuple[float, bool]]]) -> dict[str, Row]:
    """Print and return the mean forecast and how often each held."""
    found = {}
    for what, trials in held.items():
        forecast, kept = (float(np.mean(column)) for column in zip(*trials, strict=True))
        found[what] = {"forecast": forecast, "held": kept, "trials": len(trials)}
        print(f"{name:<20}{what:<36}{forecast:>10.1%}{kept:>8.1%}", flush=True)
    return found


if __name__ == "__main__":
    main()
