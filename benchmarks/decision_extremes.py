"""Where there is next to nothing to go by, and where many findings are looked through: the rest of decision_rules.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.weighting import Groups, design
from tasks.evaluation.outcomes import share
from tasks.evaluation.reliability import reliability
from tasks.statistics import (
    Interval,
    calibration_error,
    chance,
    confidence_of_named,
    decide_lower,
    decide_upper,
    discoveries,
    distance_interval,
    paired_difference,
    quantile_interval,
    rate_interval,
    resample_ratio,
    resampled_interval,
    smallest_level,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.statistics import Bounds

CONFIDENCE = 0.95
TESTED, WEAK, ROWS, FLOOR = 100, 20, 120, 0.7
DRAWS = 1_000
UNBOUNDED = Interval(0, -np.inf, np.inf)


def extremes() -> Iterator[dict[str, str]]:
    """Yield what our rule and a point comparison say of samples that say next to nothing; none may pass."""
    print(f"\n{'next to nothing to go by':<64}{'ours':>14}{'point':>8}")
    for what, bounds, limit, least in _extremes():
        ours = (decide_lower if least else decide_upper)(bounds, limit)
        print(f"{what:<64}{ours:>14}{'pass':>8}", flush=True)
        yield {"what": what, "ours": ours, "point": "pass"}


def _extremes() -> Iterator[tuple[str, Bounds, float, bool]]:
    yield "20 rows, identical predictions, lose at most 1%", paired_difference(0, 0, 20, CONFIDENCE), 0.01, False
    yield "200 rows, none discordant, lose at most 1%", paired_difference(0, 0, 200, CONFIDENCE), 0.01, False
    yield "10 rows, all right, floor 80%", rate_interval(10, 10, CONFIDENCE), 0.8, True
    yield "200 rows, no error, at most 1%", rate_interval(0, 200, CONFIDENCE), 0.01, False
    for users in (1, 9):
        of = users * 1_000
        right, every, groups = np.ones(of, dtype=bool), np.ones(of, dtype=bool), Groups(clusters=np.arange(of) % users)
        seen = share(right, np.ones(of), every, design(right, np.ones(of), every, groups))
        what = f"{of:,} rows of {users} user{'s' if users > 1 else ''}, all right, floor 75%"
        yield what, rate_interval(seen.events, seen.trials, CONFIDENCE), 0.75, True
        none = share(~right, np.ones(of), every, design(right * 0.0, np.ones(of), every, groups))
        found = paired_difference(none.events, none.events, none.trials, CONFIDENCE)
        yield f"{of:,} rows of {users}, identical predictions, lose at most 1%", found, 0.01, False
        error = resample_ratio(np.zeros(of), np.ones(of), np.ones(of), {"clusters": np.arange(of) % users}, largest=50)
        yield (
            f"{of:,} rows of {users}, no error at all, mean at most 5",
            resampled_interval(error, CONFIDENCE) or UNBOUNDED,
            5,
            False,
        )
    alike = resample_ratio(
        np.zeros(1_200), np.ones(1_200), np.ones(1_200), {"clusters": np.arange(1_200) % 12}, largest=50
    )
    yield (
        "12 users, no error at all, mean at most 5 of 50",
        resampled_interval(alike, CONFIDENCE) or UNBOUNDED,
        5,
        False,
    )
    yield "200 calls alike, p99 at most 10 ms", quantile_interval(np.full(200, 5.0), 0.99, CONFIDENCE), 10, False
    sure = reliability(np.full(40, 0.99), np.ones(40, dtype=bool), np.ones(40))
    yield "40 answers, 99% sure, all right, error at most 5%", calibration_error(*sure.gaps, CONFIDENCE), 0.05, False
    same = np.array([0.5, 0.5])
    found = distance_interval(0, 50, 50, CONFIDENCE, chance(same, same, 50, 50))
    yield "50 and 50 rows, the same shares, distance at most 10%", found, 0.1, False


def findings(random: np.random.Generator) -> dict[str, dict[str, Any]]:
    """Return how many weak slices each way of naming them finds, the share of named ones that is sound, and of bounds that miss."""
    truth = np.where(np.arange(TESTED) < WEAK, 0.58, FLOOR)

    def high(events: int, confidence: float) -> float:
        return rate_interval(events, ROWS, confidence).high

    levels = [
        smallest_level(lambda confidence, events=events: high(events, confidence) < FLOOR) for events in range(ROWS + 1)
    ]
    drawn = random.binomial(ROWS, truth, (DRAWS, TESTED))
    ways: dict[str, dict[str, Any]] = {}
    print(
        f"\nof {TESTED} slices {WEAK} are weak{'':<24}{'found':>8}{'named ones that are sound':>28}{'bounds that miss':>18}"
    )
    for way in ("each at 5%", "family-wise (Bonferroni)", "false discovery rate"):
        found, false, missed = [], [], []
        for right in drawn:
            each = [levels[events] for events in right]
            if way == "false discovery rate":
                named = np.array(discoveries(each, 1 - CONFIDENCE), dtype=int)
            else:
                named = np.flatnonzero(np.array(each) <= (1 - CONFIDENCE) / (1 if way == "each at 5%" else TESTED))
            at = confidence_of_named(named.size, TESTED, 1 - CONFIDENCE) if named.size and way[0] == "f" else CONFIDENCE
            if way.startswith("family"):
                at = 1 - (1 - CONFIDENCE) / TESTED
            found.append((named < WEAK).sum() / WEAK)
            false.append((named >= WEAK).mean() if named.size else 0.0)
            missed.append(
                np.mean([high(int(right[place]), at) < truth[place] for place in named]) if named.size else 0.0
            )
        ways[way] = {"found": float(np.mean(found)), "sound": float(np.mean(false)), "missed": float(np.mean(missed))}
        ways[way]["misses"] = way[0] == "f" and max(ways[way]["sound"], ways[way]["missed"]) > 1 - CONFIDENCE
        print(f"{way:<46}{ways[way]['found']:>8.1%}{ways[way]['sound']:>28.1%}{ways[way]['missed']:>18.1%}", flush=True)
    return ways
