"""How often the decision rules are wrong, by simulation with known truth, beside rules that compare points.

Three questions. What share of models exactly at the limit is passed (at most 5%, within the error of the simulation)?
What share of models well inside it is (the power)? How often does each 95% bound hold? The same draws go through a point
comparison, through a change threshold as TensorFlow Model Analysis has it (`GenericChangeThreshold`: the observed change
against a bound), and through MLflow's `MetricThreshold` by MLflow's own code, which knows no allowed loss: an absolute
floor is all that it can be given where the talk's rule is "lose at most one point".

`python benchmarks/decision_rules.py [--check]`
"""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from harness import finish, parser

sys.path[:0] = [str(Path(__file__).parent.parent)]

from tasks.statistics import (  # noqa: E402
    decide_lower,
    difference_interval,
    mean_interval,
    paired_difference,
    quantile_interval,
    rate_interval,
    ratio_of_medians,
    slope,
)
from tasks.tally import share  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIDENCE = 0.95
TRIALS = 4_000
SLOW_TRIALS = 1_000  # of the rules that resample
MOST_FALSE = 0.05
LEAST_COVERAGE = 0.94
ERRORS = 3  # standard errors of the simulation that a result may be off by
SIZES = (600, 1_000, 3_000, 6_000)
FLOOR, ACCURACY_AT = 0.70, (0.68, 0.70, 0.72, 0.74)
MARGIN, DISCORDANCE, LOSSES = 0.01, (0.03, 0.06, 0.12), (0.02, 0.01, 0.0, -0.01)
COMMON, RARE = 0.8, 0.3  # accuracy of a log and of its rare slice
SEED = 20


def main() -> None:
    """Simulate, print the tables, and give the worst share of false passes."""
    parser(__doc__ or "").parse_args()
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    random = np.random.default_rng(SEED)
    floors, paired = list(floor(random)), list(loss(random))
    held = list(coverage(random))
    false = [row["ours"] for row in floors if row["truth"] == FLOOR] + [
        row["ours"] for row in paired if row["at_limit"]
    ]
    worst, lowest = max(false), min(row["holds"] for row in held)
    slack = ERRORS * math.sqrt(MOST_FALSE * (1 - MOST_FALSE) / TRIALS)
    ok = worst <= MOST_FALSE + slack and all(row["holds"] >= LEAST_COVERAGE - row["slack"] for row in held)
    print(f"false passes at the limit: at most {worst:.3f}; bounds hold at least {lowest:.3f} of the time")
    details = {"floor": floors, "loss": paired, "coverage": held, "trials": TRIALS, "lowest_coverage": lowest}
    finish("decision_rules", worst, f"<={MOST_FALSE + slack:.3f}", ok, details)


def floor(random: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield the share of passes of an accuracy against a floor, by size and truth."""
    print(f"accuracy at least {FLOOR}: share that passes\n{'rows':>7}{'truth':>8}{'ours':>8}{'point':>8}{'MLflow':>8}")
    for rows in SIZES:
        for truth in ACCURACY_AT:
            correct = random.binomial(rows, truth, TRIALS)
            ours = {
                k: decide_lower(rate_interval(k, rows, CONFIDENCE), FLOOR) == "pass" for k in map(int, set(correct))
            }
            point = correct / rows >= FLOOR
            mlflow = {k: mlflow_passes(k / rows, None, threshold=FLOOR) for k in map(int, set(correct))}
            row = {
                "rows": rows,
                "truth": truth,
                "ours": float(np.mean([ours[int(k)] for k in correct])),
                "point": float(point.mean()),
                "mlflow": float(np.mean([mlflow[int(k)] for k in correct])),
            }
            print(f"{rows:>7}{truth:>8.2f}{row['ours']:>8.3f}{row['point']:>8.3f}{row['mlflow']:>8.3f}", flush=True)
            yield row


def loss(random: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield the share of passes of a paired loss against the margin, by size, discordance and true loss."""
    print(f"\nlose at most {MARGIN}, paired: share that passes")
    print(f"{'rows':>7}{'differ':>8}{'loss':>7}{'ours':>8}{'TFMA':>8}{'MLflow':>8}")
    for rows in SIZES:
        for discordance in DISCORDANCE:
            for lost in LOSSES:
                shares = [(discordance - lost) / 2, (discordance + lost) / 2]
                drawn = random.multinomial(rows, [*shares, 1 - discordance], TRIALS)[:, :2]
                counts = {(int(b), int(c)) for b, c in drawn}
                ours = {
                    (b, c): decide_lower(paired_difference(b, c, rows, CONFIDENCE), -MARGIN) == "pass"
                    for b, c in counts
                }
                point = (drawn[:, 1] - drawn[:, 0]) / rows <= MARGIN
                base = 0.76  # the baseline's accuracy, which the changes are on top of
                mlflow = {
                    (b, c): mlflow_passes(base + (b - c) / rows, base, min_absolute_change=1e-9) for b, c in counts
                }
                row = {
                    "rows": rows,
                    "discordance": discordance,
                    "loss": lost,
                    "at_limit": lost == MARGIN,
                    "ours": float(np.mean([ours[int(b), int(c)] for b, c in drawn])),
                    "tfma": float(point.mean()),
                    "mlflow": float(np.mean([mlflow[int(b), int(c)] for b, c in drawn])),
                }
                print(
                    f"{rows:>7}{discordance:>8.2f}{lost:>7.2f}{row['ours']:>8.3f}{row['tfma']:>8.3f}{row['mlflow']:>8.3f}",
                    flush=True,
                )
                yield row


def mlflow_passes(candidate: float, baseline: float | None, **limits: float) -> bool:
    """Tell whether MLflow's own validation lets the candidate's accuracy pass."""
    from mlflow.models import MetricThreshold
    from mlflow.models.evaluation import EvaluationResult
    from mlflow.models.evaluation.validation import ModelValidationFailedException, validate_evaluation_results

    of = [EvaluationResult({"accuracy": value}, {}) for value in (candidate, baseline) if value is not None]
    try:
        validate_evaluation_results({"accuracy": MetricThreshold(**limits, greater_is_better=True)}, *of)
    except ModelValidationFailedException:
        return False
    return True


def coverage(random: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield how often each one-sided 95% bound holds, the worse of lower and upper."""
    print(
        f"\none-sided {CONFIDENCE:.0%} bounds: share of the time that they hold\n{'bound':<44}{'lower':>8}{'upper':>8}"
    )
    for name, trials, truth, draw in _bounds(random):
        found = [draw() for _ in range(trials)]
        low = float(np.mean([one.low is not None and one.low <= truth for one in found]))
        high = float(np.mean([one.high is not None and one.high >= truth for one in found]))
        slack = ERRORS * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / trials)
        print(f"{name:<44}{low:>8.3f}{high:>8.3f}", flush=True)
        yield {"bound": name, "lower": low, "upper": high, "holds": min(low, high), "trials": trials, "slack": slack}


def _bounds(random: np.random.Generator) -> Iterator[tuple[str, int, float, Any]]:
    """Yield (name, trials, truth, draw) of every bound that gates decide by, at the sizes that policies ask for."""
    for rows, rate in ((1_000, 0.001), (600, 0.7), (3_000, 0.76), (300, 0.95)):
        yield (
            f"rate {rate} of {rows:,}", TRIALS, rate,
            lambda rows=rows, rate=rate: rate_interval(int(random.binomial(rows, rate)), rows, CONFIDENCE),
        )  # fmt: skip
    yield (
        "difference 0.87 - 0.63 (2,500 and 3,500)", TRIALS, 0.87 - 0.63,
        lambda: difference_interval(
            int(random.binomial(2_500, 0.87)), 2_500, int(random.binomial(3_500, 0.63)), 3_500, CONFIDENCE
        ),
    )  # fmt: skip
    for rows, (gain, lost) in ((600, (0.01, 0.03)), (3_000, (0.02, 0.03)), (3_000, (0.005, 0.01))):
        yield (
            f"paired difference {gain} - {lost} of {rows:,}", TRIALS, gain - lost,
            lambda rows=rows, p=(gain, lost, 1 - gain - lost): paired_difference(
                *(int(n) for n in random.multinomial(rows, p)[:2]), rows, CONFIDENCE
            ),
        )  # fmt: skip
    for q in (0.5, 0.99):
        yield (
            f"p{100 * q:g} of 3,000 log-normal times", TRIALS, math.exp(0.5 * _normal_quantile(q)),
            lambda q=q: quantile_interval(random.lognormal(0, 0.5, 3_000), q, CONFIDENCE),
        )  # fmt: skip
    yield (
        "mean of 500 log-normal times", SLOW_TRIALS, math.exp(0.125),
        lambda: mean_interval(random.lognormal(0, 0.5, 500), CONFIDENCE, seed=int(random.integers(1 << 30))),
    )  # fmt: skip
    yield (
        "ratio of medians of 100 and 100 times", SLOW_TRIALS, 1.5,
        lambda: ratio_of_medians(
            1.5 * random.lognormal(0, 0.3, 100), random.lognormal(0, 0.3, 100), CONFIDENCE, int(random.integers(1 << 30))
        ),
    )  # fmt: skip
    yield (
        "slope over 15 points", TRIALS, 0.2,
        lambda: slope(np.arange(15.0), 0.2 * np.arange(15.0) + random.normal(size=15), CONFIDENCE),
    )  # fmt: skip
    yield (
        "weighted rate, a rare slice drawn 20 times as often",
        TRIALS,
        0.99 * COMMON + 0.01 * RARE,
        lambda: weighted(random),
    )


def weighted(random: np.random.Generator) -> Any:
    """Return the bounds of an accuracy over 1,000 requests of a log and 200 more of a slice of one in a hundred."""
    right = np.concatenate([random.random(1_000) < COMMON, random.random(200) < RARE])
    weights = np.repeat([99.0 / 1_000, 1.0 / 200], [1_000, 200])
    found = share(right, weights, np.ones(1_200, dtype=bool))
    return rate_interval(found.events, found.trials, CONFIDENCE)


def _normal_quantile(q: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(q)


if __name__ == "__main__":
    main()
