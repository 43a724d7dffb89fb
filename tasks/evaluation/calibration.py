"""What a variant's confidence is worth: as it is served, as it would be once fitted, and as a threshold to abstain under.

Maps and thresholds are chosen on the calibration set alone and then seen on labelled production answers, which they know
nothing of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.run_folder import VariantFolder
from tasks.data.weighting import Groups, design, designs, groups_of
from tasks.evaluation.outcomes import ANSWERED, share
from tasks.evaluation.predict import predict_all
from tasks.evaluation.reliability import (
    ROWS_PER_BIN,
    at_temperature,
    fit_isotonic,
    fit_temperature,
    reliability,
    risk_coverage,
)
from tasks.evaluation.scores import check_label_types, right
from tasks.evaluation.slices import declared
from tasks.evidence import Abstention, CalibrationEvidence, ConfidentErrors, ConfidentSlice, Fit, Raw, Share, Unmeasured
from tasks.serving.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from tasks.core.records import Candidate, Serving

MOST_ROWS = 600  # of the calibration set: places its risk within 3 points; more would hold every variant up for seconds
FEWEST_ROWS = 100  # fewer leave a temperature open by a third
FEWEST_ISOTONIC = 500  # up to 1,000 it may learn noise (Niculescu-Mizil and Caruana, ICML 2005): production shows it
THRESHOLDS = 50  # at as many quantiles of the confidence, so that each keeps 2% fewer answers than the last
CONFIDENT = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
SEED = 0


class RatedAnswers(NamedTuple):
    """The labelled production answers, each of shape (rows,): confidence, whether it is right, its weight, and its groups."""

    confidence: np.ndarray
    right: np.ndarray
    weights: np.ndarray
    groups: Groups


def calibrate_variant(
    candidate: Candidate, served: Serving, calibration: Path, answers: Path, out: Path
) -> CalibrationEvidence:
    """Return what the confidence of a variant is worth, from its saved `answers` to production and new ones to `calibration`.

    The answers to the calibration set are kept in the folder `out`. Without labels there nothing is fitted, and the
    evidence says so: the evaluation set can't stand in for it, since its scores would no longer be of unseen rows.
    Raises StageError where too few production answers have a label.
    """
    import pandas as pd

    fitted = _answer(candidate, served, calibration, out)  # first, since it says something where no label has come yet
    table = pd.read_parquet(answers)
    labelled = table["label"].notna().to_numpy()
    answered = labelled & (table["outcome"] == ANSWERED).to_numpy()
    if answered.sum() < ROWS_PER_BIN:
        raise StageError(
            f"{answered.sum()} production answers have a label, and it takes {ROWS_PER_BIN} to say anything of their "
            "confidence; label more requests"
        )
    confidence, correct, weights = (table[name].to_numpy()[answered] for name in ("confidence", "right", "weight"))
    seen = RatedAnswers(confidence, correct, weights, groups_of(table).of(answered))
    curve = risk_coverage(seen.confidence, seen.right, seen.weights)
    return CalibrationEvidence(
        served=reliability(*seen),
        temperature=_fit("temperature", FEWEST_ROWS, fitted, seen),
        isotonic=_fit("isotonic", FEWEST_ISOTONIC, fitted, seen),
        abstention=fitted if isinstance(fitted, Unmeasured) else _abstention(fitted, seen),
        risk_coverage=curve,
        risk_area=float(np.mean([risk for _, risk in curve])),
        confident_errors=tuple(_confident_errors(table, labelled, threshold) for threshold in CONFIDENT),
        raw=None if isinstance(fitted, Unmeasured) else _raw(VariantFolder(out).answers("calibration")),
    )


def _answer(candidate: Candidate, served: Serving, calibration: Path, out: Path) -> pd.DataFrame | Unmeasured:
    """Return label, confidence and right of each labelled row of the calibration set that the variant answers."""
    import pandas as pd

    rows, label = pd.read_parquet(calibration), candidate.columns.label
    rows = rows[rows[label].notna()] if label in rows else rows.head(0)
    if rows.empty:
        why = (
            f"the calibration set has no labels in a column {label}, and the evaluation set's can't be used to fit: "
            "its scores would no longer be of rows that nothing was fitted to"
        )
        return Unmeasured(stage="fit", why=why)
    if len(rows) > MOST_ROWS:
        rows = rows.sample(MOST_ROWS, random_state=SEED)
    rows = rows.reset_index(drop=True)
    try:
        predictions = predict_all(Server(served), rows[list(candidate.columns.input)])
        check_label_types(rows[label], predictions.frame)
    except StageError as error:
        return Unmeasured(stage="fit", why=f"the calibration set can't be answered: {error}")
    frame = predictions.frame
    table = frame.assign(right=right(rows[label], frame, served.marking), label=rows[label].astype(str))
    table["prediction"] = frame["prediction"].map(str, na_action="ignore")
    out.mkdir(parents=True, exist_ok=True)
    table.to_parquet(VariantFolder(out).answers("calibration"), index=False)
    kept = table[table["outcome"] == ANSWERED]
    return kept if len(kept) else Unmeasured(stage="fit", why="no row of the calibration set was answered")


def _fit(
    method: Literal["temperature", "isotonic"], fewest: int, fitted: pd.DataFrame | Unmeasured, seen: RatedAnswers
) -> Fit | Unmeasured:
    """Fit a map of the confidence to the calibration set's answers, and return what production would be under it."""
    if isinstance(fitted, Unmeasured):
        return fitted
    if len(fitted) < fewest:
        why = f"{len(fitted)} of the calibration set's labelled rows were answered, and it takes {fewest}"
        return Unmeasured(stage=f"fit {method}", why=why)
    own, own_right = fitted["confidence"].to_numpy(), fitted["right"].to_numpy()
    if method == "isotonic":
        temperature, mapped = None, fit_isotonic(own, own_right)(seen.confidence)
    else:
        temperature = fit_temperature(own, own_right)
        mapped = at_temperature(seen.confidence, temperature)
    production = reliability(mapped, seen.right, seen.weights, seen.groups)
    return Fit(rows=len(fitted), temperature=temperature, production=production)


def _abstention(fitted: pd.DataFrame, seen: RatedAnswers) -> tuple[Abstention, ...]:
    """Return what each threshold keeps of the labelled production answers, from the lowest threshold on."""
    own, own_right = fitted["confidence"].to_numpy(), fitted["right"].to_numpy()
    levels = np.arange(1, THRESHOLDS) / THRESHOLDS
    thresholds = [0.0, *np.unique(np.quantile(own, levels, method="higher"))]
    everywhere, wrong = np.ones(len(seen.confidence), dtype=bool), ~seen.right

    def shown(events: np.ndarray, trials: np.ndarray) -> Share:
        return share(events, seen.weights, trials, design(events, seen.weights, trials, seen.groups))

    return tuple(
        Abstention(
            threshold=float(threshold),
            wrong_calibration=share(~own_right, np.ones(len(own)), own >= threshold),
            kept=shown(seen.confidence >= threshold, everywhere),
            wrong=shown(wrong, seen.confidence >= threshold),
        )
        for threshold in thresholds
    )


def _confident_errors(table: pd.DataFrame, labelled: np.ndarray, threshold: float) -> ConfidentErrors:
    """Count the wrong answers of at least this confidence among the labelled requests, and in each declared slice."""
    weights = table["weight"].to_numpy()
    answered = (table["outcome"] == ANSWERED).to_numpy()
    errors = answered & ~table["right"].to_numpy() & (table["confidence"].to_numpy() >= threshold)
    groups, parts = groups_of(table), declared(table)
    effects = designs(errors, weights, [part.mask & labelled for part in parts], groups)
    return ConfidentErrors(
        threshold=threshold,
        rows=int(labelled.sum()),
        errors=share(errors, weights, labelled, design(errors, weights, labelled, groups)),
        slices=tuple(
            ConfidentSlice(
                column=part.column,
                value=part.value,
                rows=int((part.mask & labelled).sum()),
                errors=share(errors, weights, part.mask & labelled, effect),
            )
            for part, effect in zip(parts, effects, strict=True)
        ),
    )


def _raw(path: Path) -> Raw:
    import pandas as pd

    return Raw(
        path=f"{path.parent.parent.name}/{path.parent.name}/{path.name}",
        sha256=digest(path),
        rows=len(pd.read_parquet(path, columns=["right"])),
    )
