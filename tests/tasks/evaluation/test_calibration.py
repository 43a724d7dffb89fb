"""The stage that says what confidence is worth, through a real graph: fitted on the calibration set, seen on production."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.run_folder import VariantFolder
from tasks.evaluation.calibration import CONFIDENT, calibrate_variant
from tasks.evaluation.evaluate import evaluate_variant
from tasks.evidence import FirstLaunch, Fit, Unmeasured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Candidate, Serving
    from tasks.data.datasets import DataSets
    from tasks.evidence import CalibrationEvidence


@pytest.fixture(scope="module")
def answers(tiny: Candidate, served: Serving, sets: DataSets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the tiny candidate's answers to production."""
    out = tmp_path_factory.mktemp("run") / "variants" / "fp32"
    evaluate_variant(tiny, served, sets, out, VariantFolder(out).answers("production"), FirstLaunch(model="tiny"))
    return VariantFolder(out).answers("production")


def relabelled(sets: DataSets, folder: Path, label: object) -> Path:
    """Write the calibration set with other labels (None: without the column) and return where."""
    rows = pd.read_parquet(sets.calibration).drop(columns="label")
    path = folder / "calibration.parquet"
    (rows if label is None else rows.assign(label=label)).to_parquet(path, index=False)
    return path


def test_served_and_fitted_are_seen_on_the_same_answers(
    tiny: Candidate, served: Serving, sets: DataSets, answers: Path, tmp_path: Path
) -> None:
    """All labelled answers to production are in the bins; the temperature comes from the labelled calibration rows."""
    out = tmp_path / "variants" / "fp32"
    found = calibrate_variant(tiny, served, sets.calibration, answers, out)
    table = pd.read_parquet(answers)
    labelled = table["label"].notna().sum()
    assert isinstance(found.temperature, Fit)
    assert found.served.rows == found.temperature.production.rows == labelled
    own = pd.read_parquet(VariantFolder(out).answers("calibration"))
    assert found.temperature.rows == len(own) == 400
    assert (own["right"] == (own["prediction"] == own["label"])).all()
    assert found.raw is not None
    assert (found.raw.rows, found.raw.sha256) == (400, digest(tmp_path / found.raw.path))
    assert isinstance(found.isotonic, Unmeasured)
    assert "it takes 500" in found.isotonic.why


def test_confident_errors_are_counted_over_all_labelled_requests(
    tiny: Candidate, served: Serving, sets: DataSets, answers: Path, tmp_path: Path
) -> None:
    """Each count can be taken again from the saved answers, overall and by slice."""
    found = calibrate_variant(tiny, served, sets.calibration, answers, tmp_path / "variants" / "fp32")
    table = pd.read_parquet(answers)
    table = table[table["label"].notna()]
    assert [each.threshold for each in found.confident_errors] == list(CONFIDENT)
    for each in found.confident_errors:
        wrong = ~table["right"] & (table["confidence"] >= each.threshold)
        assert (each.rows, each.errors.events) == (len(table), wrong.sum())
        assert {part.value: part.errors.events for part in each.slices} == wrong.groupby(
            table["slice_source"]
        ).sum().to_dict()


def test_thresholds_keep_ever_fewer_answers(
    tiny: Candidate, served: Serving, sets: DataSets, answers: Path, tmp_path: Path
) -> None:
    """The first keeps everything, and what is kept and wrong is counted on production."""
    found = calibrate_variant(tiny, served, sets.calibration, answers, tmp_path / "variants" / "fp32")
    assert not isinstance(found.abstention, Unmeasured)
    kept = [each.kept.value for each in found.abstention]
    assert kept[0] == 1
    assert kept == sorted(kept, reverse=True)
    table = pd.read_parquet(answers)
    last = found.abstention[-1]
    sure = table[table["label"].notna() & (table["confidence"] >= last.threshold)]
    assert (last.wrong.trials, last.wrong.events) == (len(sure), (~sure["right"]).sum())


@pytest.mark.parametrize("label", [None, pd.NA])
def test_without_labels_nothing_is_fitted_and_the_evaluation_set_is_left_alone(
    label: object, tiny: Candidate, served: Serving, sets: DataSets, answers: Path, tmp_path: Path
) -> None:
    """What is served can be judged; what would help is unmeasured, with the reason."""
    calibration = relabelled(sets, tmp_path, label)
    found = calibrate_variant(tiny, served, calibration, answers, tmp_path / "variants" / "fp32")
    assert found.served.bins
    assert found.raw is None
    for each in (found.temperature, found.isotonic, found.abstention):
        assert isinstance(each, Unmeasured)
        assert "the evaluation set's can't be used" in each.why


def test_labels_of_another_type_are_not_fitted_to(
    tiny: Candidate, served: Serving, sets: DataSets, answers: Path, tmp_path: Path
) -> None:
    """No answer could ever be right, so a temperature of them would be nonsense."""
    found = calibrate_variant(tiny, served, relabelled(sets, tmp_path, 1), answers, tmp_path / "variants" / "fp32")
    assert isinstance(found.temperature, Unmeasured)
    assert "none could ever be right" in found.temperature.why


def test_twenty_times_the_logits_are_found_out(
    tiny: Candidate, other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """The same answers with a louder confidence have a larger error, a hotter temperature, and more confident errors."""

    def of(serving: Serving, name: str) -> CalibrationEvidence:
        out = tmp_path / "run" / "variants" / name
        evaluate_variant(tiny, serving, sets, out, VariantFolder(out).answers("production"), FirstLaunch(model="tiny"))
        return calibrate_variant(tiny, serving, sets.calibration, VariantFolder(out).answers("production"), out)

    plain = of(other(), "plain")
    loud = of(other(("(logits,) = outputs.values()", "logits = 20 * list(outputs.values())[0]")), "loud")
    assert isinstance(plain.temperature, Fit)
    assert isinstance(loud.temperature, Fit)
    assert loud.served.brier > plain.served.brier
    assert loud.temperature.temperature > plain.temperature.temperature
    assert loud.confident_errors[-1].errors.events > plain.confident_errors[-1].errors.events
    assert np.isclose(loud.risk_coverage[-1][1], plain.risk_coverage[-1][1])


def test_too_few_labelled_answers_say_nothing(
    tiny: Candidate, served: Serving, sets: DataSets, answers: Path, tmp_path: Path
) -> None:
    """A log whose labels are still to come is no reason to pass."""
    few = tmp_path / "few.parquet"
    table = pd.read_parquet(answers)
    table.assign(label=table["label"].where(table.index < 10, None)).to_parquet(few, index=False)
    with pytest.raises(StageError, match="label more requests"):
        calibrate_variant(tiny, served, sets.calibration, few, tmp_path / "variants" / "fp32")
