"""How often the decision rules are wrong, by simulation with known truth, beside rules that compare points.

Of every rule: what share of models exactly at the limit passes (at most 5%, within the error of the simulation), what share
of models inside it (the power), how often each 95% bound holds, and how often an interval of two 97.5% bounds does (at
least 94%, within the same error). The same draws go through a point comparison; through thresholds as TensorFlow Model
Analysis has them (`GenericValueThreshold` on the point and, where there is a baseline, `GenericChangeThreshold` on the
observed change); and through MLflow's own `MetricThreshold`, which knows no allowed loss: where a rule allows one, all that
it can be asked is that the candidate is better. Then: what each says where there is next to nothing to go by, and
which of many findings are named.

`python benchmarks/decision_rules.py [--check]`
"""

from __future__ import annotations

import logging
import math
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from harness import finish, parser

sys.path[:0] = [str(Path(__file__).parent.parent)]

from decision_cases import BASE, Case, cases  # noqa: E402
from decision_extremes import extremes, findings  # noqa: E402

from tasks.statistics import decide_lower, decide_upper  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.statistics import Bounds

CONFIDENCE, SIDE = 0.95, 0.975
MOST_FALSE, LEAST_COVERAGE = 0.05, 0.94
ERRORS = 3  # standard errors of the simulation that a result may be off by
INSIDE = 3  # as many times fewer samples where a pass is right
FLOOR = 0.70  # the value threshold of rules that hold a change
SEED = 20


def main() -> None:
    """Simulate, print the tables; the headline is how many cases miss a goal."""
    parser(__doc__ or "").parse_args()
    logging.disable(logging.INFO)  # of MLflow, which tells of each validation
    random = np.random.default_rng(SEED)
    print(f"{'rule':<24}{'data':<38}{'truth':>8}{'limit':>7}  passes:{'ours':>7}{'point':>7}{'TFMA':>7}{'MLflow':>8}"
          f"  holds:{'lower':>7}{'upper':>7}{'both':>7}")  # fmt: skip
    rows = [row for case in cases(random) for row in tried(case)]
    told, named = list(extremes()), findings(random)
    false = max(rows, key=lambda row: row["ours"] if row["at_limit"] else 0)
    lowest = min(rows, key=lambda row: row["both"])
    print(f"\npasses at the limit: at most {false['ours']:.3f} ({false['rule']}, {false['data']}); "
          f"95% intervals hold at least {lowest['both']:.3f} of the time ({lowest['rule']}, {lowest['data']})")  # fmt: skip
    off = [f"{row['rule']}, {row['data']}, {row['truth']:g}" for row in rows if row["misses"]]
    off += [row["what"] for row in told if row["ours"] == "pass"]
    off += [f"findings: {name}" for name, row in named.items() if row["misses"]]
    print(f"off their goal: {'; '.join(off) or 'none'}")
    details = {"cases": rows, "extremes": told, "findings": named, "off": off, "worst_false_pass": false["ours"],
               "lowest_coverage": lowest["both"]}  # fmt: skip
    finish("decision_rules", len(off), "<=0", not off, details)


def tried(case: Case) -> Iterator[dict[str, Any]]:
    """Yield for each truth of a case how often the rules pass it, and how often the bounds hold."""
    for truth in case.truths:
        at_limit, counts = truth == case.limit, np.zeros(7)
        trials = case.trials if at_limit else case.trials // INSIDE
        for _ in range(trials):
            at, point = case.draw(truth)
            one, other = at(CONFIDENCE), at(SIDE)
            low, high = holds(one, truth)
            inside = point >= case.limit if case.least else point <= case.limit
            valued = not case.change or BASE - point >= FLOOR
            counts += (passes(case, one), inside, inside and valued, mlflow_passes(case.limit, case.least, case.change, point),
                       low, high, all(holds(other, truth)))  # fmt: skip
        shares = dict(zip(("ours", "point", "tfma", "mlflow", "lower", "upper", "both"), counts / trials, strict=True))
        error = math.sqrt(MOST_FALSE * (1 - MOST_FALSE) / trials)
        misses = shares["both"] < LEAST_COVERAGE - ERRORS * error
        misses |= at_limit and shares["ours"] > MOST_FALSE + ERRORS * error
        print(f"{case.rule:<24}{case.data:<38}{truth:>8.3f}{case.limit:>7.2f}{shares['ours']:>16.3f}{shares['point']:>7.3f}"
              f"{shares['tfma']:>7.3f}{shares['mlflow']:>8.3f}{shares['lower']:>15.3f}{shares['upper']:>7.3f}"
              f"{shares['both']:>7.3f}{'  !' if misses else ''}", flush=True)  # fmt: skip
        yield {"rule": case.rule, "data": case.data, "truth": truth, "limit": case.limit, "at_limit": at_limit,
               "trials": trials, "misses": bool(misses)} | {k: float(v) for k, v in shares.items()}  # fmt: skip


def passes(case: Case, bounds: Bounds | None) -> bool:
    """Tell whether a gate would pass it; where there is no bound at all, none does."""
    if bounds is None:
        return False
    return (decide_lower if case.least else decide_upper)(bounds, case.limit) == "pass"


def holds(bounds: Bounds | None, truth: float) -> tuple[bool, bool]:
    """Tell whether the lower and the upper bound are on their sides of the truth; a bound that is not given claims nothing."""
    if bounds is None:
        return True, True
    return bounds.low is None or bounds.low <= truth, bounds.high is None or bounds.high >= truth


@lru_cache(maxsize=200_000)
def mlflow_passes(limit: float, least: bool, change: bool, point: float) -> bool:
    """Tell whether MLflow's own validation lets a value pass; of a change, whether a candidate that lost so much passes."""
    from mlflow.models import MetricThreshold
    from mlflow.models.evaluation import EvaluationResult
    from mlflow.models.evaluation.validation import ModelValidationFailedException, validate_evaluation_results

    if change:
        threshold = MetricThreshold(min_absolute_change=1e-9, greater_is_better=True)
        of = [EvaluationResult({"metric": value}, {}) for value in (BASE - point, BASE)]
    else:
        threshold = MetricThreshold(threshold=limit, greater_is_better=least)
        of = [EvaluationResult({"metric": point}, {})]
    try:
        validate_evaluation_results({"metric": threshold}, *of)
    except ModelValidationFailedException:
        return False
    return True


if __name__ == "__main__":
    main()
