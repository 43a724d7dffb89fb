"""Scores of a set and of pairs: what is right, whose labels are cut, and which rows may be paired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from support.scored_rows import COLUMNS, NUMBERS, answers, by_user, labelled_rows

from tasks.core.errors import StageError
from tasks.core.records import Marking
from tasks.core.run_folder import VariantFolder
from tasks.evaluation.scores import Scoring, check_label_types, label_cuts, pair, right, score

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Candidate


@pytest.mark.parametrize(
    ("labels", "predictions", "clash"),
    [
        (["a", "b"], ["a", "b"], False),
        ([0, 1], ["0", "1"], True),
        (["0", "1"], [0, 1], True),
        ([0, 1], [0.0, 1.0], False),
        ([True, False], [1, 0], False),
        ([None, "a"], ["a", "b"], False),
        ([None, None], ["a", "b"], False),
    ],
)
def test_labels_that_no_prediction_can_equal_stop_the_stage(
    labels: list[object], predictions: list[object], clash: bool
) -> None:
    """Text against numbers would score zero in silence; numbers of several types are numbers."""
    frame = pd.DataFrame({"prediction": np.array(predictions, dtype=object), "outcome": "answered"})
    if clash:
        with pytest.raises(StageError, match=r"so none could ever be right; make decode return the labels' own values"):
            check_label_types(pd.Series(labels, dtype=object), frame)
    else:
        check_label_types(pd.Series(labels, dtype=object), frame)


def test_paired_counts_are_those_of_the_rows(tiny: Candidate, production: pd.DataFrame, tmp_path: Path) -> None:
    """Who was right where, and decisions that differ, also where there is no label."""
    from tasks.evaluation.predict import Predictions

    rows = production.head(200)
    draw = np.random.default_rng(0)
    files = []
    for name in ("one", "two"):
        frame = pd.DataFrame({
            "prediction": draw.choice(["negative", "positive"], 200).astype(object), "confidence": 0.5,
            "outcome": "answered", "why": None,
        })  # fmt: skip
        score("production", rows, tiny.columns, Predictions(frame, 1.0), tmp_path / name)
        files.append(tmp_path / name / "predictions-production.parquet")
    one, two = map(pd.read_parquet, files)
    found = pair("fp32", *files)
    label = rows["label"]
    assert found.overall.flips == (one["prediction"] != two["prediction"]).sum()
    assert found.overall.candidate_only.events == ((two["prediction"] == label) & (one["prediction"] != label)).sum()
    assert (
        found.overall.baseline_only.events
        == ((one["prediction"] == label) & (two["prediction"] != label) & label.notna()).sum()
    )
    assert sum(item.tally.rows for item in found.slices) == found.overall.rows == 200


def test_answers_to_other_rows_are_never_paired(tiny: Candidate, production: pd.DataFrame, tmp_path: Path) -> None:
    """Two files that are not about the same rows in the same order are refused."""
    from tasks.evaluation.predict import Predictions

    for name, rows in (("one", production.head(10)), ("two", production.iloc[1:11])):
        frame = pd.DataFrame({"prediction": ["x"] * 10, "confidence": 0.5, "outcome": "answered", "why": None})
        score("production", rows.reset_index(drop=True), tiny.columns, Predictions(frame, 1.0), tmp_path / name)
    with pytest.raises(StageError, match="are not about the same rows"):
        pair("fp32", *(tmp_path / name / "predictions-production.parquet" for name in ("one", "two")))


def test_a_number_is_right_within_the_tolerance() -> None:
    """The edge counts, a request without an answer or label never does, and classes are right where they are equal."""
    labels = pd.Series([10.0, 10.0, 10.0, None, 10.0], dtype=object)
    frame = answers([12.0, 12.1, 8, 10.0, None]).frame
    assert right(labels, frame, NUMBERS.marking).tolist() == [True, False, True, False, False]
    assert right(labels, frame, Marking()).tolist() == [False] * 5


def test_scores_hold_the_mean_error_and_slices_of_numeric_labels(tmp_path: Path) -> None:
    """The mean is over labelled answers, and labels are cut where the evaluation set's lie."""
    found = score("production", labelled_rows([5.0, 15.0, 25.0, None]), COLUMNS, answers([5.0, 18.0, 26.0, 1.0]), tmp_path,
                  scoring=NUMBERS)  # fmt: skip
    assert found.error is not None
    assert (found.error.estimate, found.error.rows, found.error.unit) == (pytest.approx(4 / 3), 3, "units")
    assert found.overall.correct == 2
    assert [(part.value, part.tally.labelled, part.tally.correct) for part in found.labels] == [
        ("up to 10", 1, 1), ("10 to 20", 1, 0), ("over 20", 1, 1),
    ]  # fmt: skip


def test_labels_are_cut_so_that_slices_are_of_one_size() -> None:
    """Of numbers that differ each fifth is a slice; of one number there is nothing to cut but that."""
    assert label_cuts("regression", pd.Series(range(1, 101))) == (20, 40, 60, 80)
    assert label_cuts("regression", pd.Series([7.0] * 10)) == (7,)
    assert label_cuts("regression", pd.Series([None, None])) == ()
    assert label_cuts("classification", pd.Series([1, 2])) == ()


def test_a_pair_holds_how_much_the_error_rises(tmp_path: Path) -> None:
    """Row by row on the rows that both answered; answers within `same` are no flip."""
    requests = labelled_rows([float(number) for number in range(40)])
    for name, offset in (("base", 0.0), ("own", 0.4)):
        said = [float(number) + 1 + offset for number in range(40)]
        score("production", requests, COLUMNS, answers(said), tmp_path / name, scoring=NUMBERS)
    found = pair(
        "fp32",
        VariantFolder(tmp_path / "base").answers("production"),
        VariantFolder(tmp_path / "own").answers("production"),
        NUMBERS,
    )
    assert found.overall.flips == 0
    assert found.error_rise is not None
    assert found.error_rise.estimate == pytest.approx(0.4)
    strict = Scoring("regression", Marking(tolerance=2, same=0.3))
    assert (
        pair(
            "fp32",
            VariantFolder(tmp_path / "base").answers("production"),
            VariantFolder(tmp_path / "own").answers("production"),
            strict,
        ).overall.flips
        == 40
    )


def test_users_are_drawn_whole_and_widen_every_interval(tmp_path: Path) -> None:
    """A user whose answers are all wrong is one finding and no sixty: of shares, mean errors and paired losses alike."""
    columns, said = COLUMNS.model_copy(update={"cluster": "user"}), [9.0 * (number % 13 == 0) for number in range(780)]
    requests, files = by_user(13, 60), {}
    for name, asked, answer in (("own", columns, said), ("base", columns, [0.0] * 780), ("apart", COLUMNS, said)):
        files[name] = score("production", requests, asked, answers(answer), tmp_path / name, scoring=NUMBERS)
    assert files["own"].error is not None
    assert (files["own"].error.by, files["own"].error.clusters) == ("clusters", 13)
    assert files["own"].overall.right.value == pytest.approx(12 / 13)
    assert files["own"].overall.right.trials < 13
    assert files["apart"].overall.right.trials > 500
    base, own = (VariantFolder(tmp_path / name).answers("production") for name in ("base", "own"))
    found = pair("fp32", base, own, NUMBERS).overall.baseline_only
    assert (found.value, found.trials < 13) == (pytest.approx(1 / 13), True)
