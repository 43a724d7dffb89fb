"""Evidence of answers in which everything is well, built in small parts that a test can change."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from support.raw_samples import RAW

from tasks.evidence import (
    Abstention,
    Bin,
    CalibrationEvidence,
    ConfidentErrors,
    ConfidentSlice,
    EvaluationEvidence,
    FirstLaunch,
    Fit,
    LabelCoverage,
    LabelShift,
    Paired,
    PairedSlice,
    PairedTally,
    Perturbed,
    Reliability,
    RobustnessEvidence,
    Scores,
    Share,
    Slice,
    Tally,
)


def tally(labelled: int, correct: int, rows: int | None = None) -> Tally:
    """Return counts in which every row has a label unless `rows` says otherwise."""
    return Tally.counted(
        rows=labelled if rows is None else rows, labelled=labelled, correct=correct, abstained=0, errors=0
    )


def scores(dataset: Literal["evaluation", "production"], overall: Tally, *slices: Slice, **changes: Any) -> Scores:
    """Return a data set's scores, without errors and with labels that don't depend on confidence."""
    parts: dict[str, Any] = {
        "labels": (),
        "traits": (),
        "label_coverage": coverage((2000, 1500), (2000, 1500)),
        "label_shift": LabelShift(labelled=3000, cells=15, accuracy=0.8, reweighted=0.801, deviation=0.002),
        "exceptions": 0,
        "non_finite": 0,
        "malformed": 0,
        "error_examples": (),
        "seconds": 1,
        "raw": RAW,
    } | changes
    wrong = parts["exceptions"] + parts["non_finite"] + parts["malformed"]
    failed = Share(events=wrong, trials=overall.rows)
    overall = overall.model_copy(update={"errors": wrong, "failed": failed})
    return Scores(dataset=dataset, overall=overall, slices=slices, **parts)


def coverage(low: tuple[int, int], high: tuple[int, int]) -> tuple[LabelCoverage, ...]:
    """Return (rows, labelled) of the less and the more confident half."""
    return (
        LabelCoverage(group="low confidence", rows=low[0], labelled=low[1]),
        LabelCoverage(group="high confidence", rows=high[0], labelled=high[1]),
    )


def paired(candidate_only: int, baseline_only: int, labelled: int = 3000, *slices: PairedSlice) -> Paired:
    """Return a paired comparison against some baseline."""
    overall = paired_tally(candidate_only, baseline_only, labelled)
    return Paired(baseline="baseline", overall=overall, slices=slices)


def paired_tally(candidate_only: int, baseline_only: int, labelled: int, rows: int = 4000) -> PairedTally:
    """Return paired counts, every discordant row a flip."""
    return PairedTally.counted(
        rows=rows,
        flips=candidate_only + baseline_only,
        labelled=labelled,
        candidate_only=candidate_only,
        baseline_only=baseline_only,
    )


def paired_slice(value: str, candidate_only: int, baseline_only: int, labelled: int, rows: int = 4000) -> PairedSlice:
    """Return a paired comparison where source equals `value`."""
    return PairedSlice(column="source", value=value, tally=paired_tally(candidate_only, baseline_only, labelled, rows))


def evaluation(**changes: Any) -> EvaluationEvidence:
    """Return an evaluation with 80% right on both sets, as good as fp32, of a model launched for the first time."""
    parts: dict[str, Any] = {
        "evaluation": scores("evaluation", tally(1500, 1200)),
        "production": scores("production", tally(3000, 2400, rows=4000)),
        "against_reference": paired(10, 10),
        "against_champion": FirstLaunch(model="toy"),
    }
    return EvaluationEvidence(**(parts | changes))


def reliability(gap: float, rows: int = 3000, bins: int = 15) -> Reliability:
    """Return confidences from 0.6 to 0.97 of which `gap` too few answers are right."""
    each = rows // bins
    confidences = [float(value) for value in np.linspace(0.6, 0.97, bins)]
    parts = tuple(
        Bin(rows=each, mass=1 / bins, confidence=at, right=Share(events=each * max(at - gap, 0), trials=each))
        for at in confidences
    )
    return Reliability(rows=rows, brier=0.15, bins=parts)


def confident(errors: int, rows: int, *slices: tuple[str, int, int], threshold: float = 0.9) -> ConfidentErrors:
    """Return confident errors of all labelled requests, and of (value, errors, rows) of slices."""
    parts = tuple(
        ConfidentSlice(column="source", value=value, rows=trials, errors=Share(events=events, trials=trials))
        for value, events, trials in slices
    )
    return ConfidentErrors(threshold=threshold, rows=rows, errors=Share(events=errors, trials=rows), slices=parts)


def calibration(**changes: Any) -> CalibrationEvidence:
    """Return a confidence that is a point too high, which a temperature mends, and two confident errors in a hundred."""
    kept = Abstention(
        threshold=0.7,
        wrong_calibration=Share(events=60, trials=900),
        kept=Share(events=2600, trials=3000),
        wrong=Share(events=240, trials=2600),
    )
    parts: dict[str, Any] = {
        "served": reliability(0.01),
        "temperature": Fit(rows=1000, temperature=1.2, production=reliability(0.0)),
        "isotonic": Fit(rows=1000, temperature=None, production=reliability(0.01)),
        "abstention": (kept,),
        "risk_coverage": ((0.5, 0.05), (1.0, 0.2)),
        "risk_area": 0.1,
        "confident_errors": (confident(150, 3000, threshold=0.8), confident(60, 3000, ("app", 12, 400))),
        "raw": RAW,
    }
    return CalibrationEvidence(**(parts | changes))


def perturbed(kind: str, rows: int = 200, flips: int | None = None, **changes: Any) -> Perturbed:
    """Return rows that were perturbed in one way, all of them answered; with `flips` it was a harmless change."""
    tally = None if flips is None else paired_tally(0, flips, rows, rows)
    parts = {"kind": kind, "column": None, "rows": rows, "traffic": True, "against_original": tally}
    return Perturbed(**(parts | changes))


def robustness(*kinds: Perturbed, **changes: Any) -> RobustnessEvidence:
    """Return perturbed rows; by default two harmless kinds, of which one in fifty turned an answer, and an empty text."""
    shown = kinds or (
        perturbed("typo in a word", flips=4),
        perturbed("other case", flips=0),
        perturbed("empty", 32, column="text", mean_confidence=0.6),
    )
    parts: dict[str, Any] = {"rows": 200, "not_reached": (), "columns_left_out": 0, "seconds": 2, "raw": RAW}
    return RobustnessEvidence(**({"kinds": shown} | parts | changes))
