"""Answers to every request, and scores in which failed and abstained requests count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.evaluation.evaluate import evaluate_variant
from tasks.evaluation.outcomes import share
from tasks.evaluation.predict import _spans, predict_all
from tasks.evaluation.scores import check_label_types, pair, score
from tasks.evidence import FirstLaunch, Scores
from tasks.serving.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Candidate, Serving
    from tasks.data.datasets import DataSets

CONFIDENCE = '"confidence": chance.max(axis=1)'
PREDICTION = '"prediction": LABELS[chance.argmax(axis=1)]'
FIRST = FirstLaunch(model="tiny")


def evaluated(tiny: Candidate, serving: Serving, sets: DataSets, out: Path) -> tuple[Scores, pd.DataFrame]:
    """Return the scores on production, and the rows that were saved."""
    reference = out / "variants" / "fp32" / "predictions-production.parquet"
    evidence = evaluate_variant(tiny, serving, sets, reference.parent, reference, FIRST)
    return evidence.production, pd.read_parquet(reference)


def test_scores_are_what_the_saved_rows_say(tiny: Candidate, served: Serving, sets: DataSets, tmp_path: Path) -> None:
    """Every count can be taken again from the file that is kept, whose digest is in the evidence."""
    scores, saved = evaluated(tiny, served, sets, tmp_path)
    labelled = saved["label"].notna()
    assert scores.overall.rows == len(saved) == 1200
    assert scores.overall.labelled == labelled.sum()
    assert scores.overall.correct == (saved["prediction"] == saved["label"])[labelled].sum()
    assert scores.overall.errors == scores.overall.abstained == 0
    assert {(item.column, item.value): item.tally.rows for item in scores.slices} == {
        ("source", value): rows for value, rows in saved["slice_source"].value_counts().items()
    }
    assert sum(half.rows for half in scores.label_coverage if half.group.endswith("confidence")) == 1200
    assert scores.raw.path == "variants/fp32/predictions-production.parquet"
    assert scores.raw.sha256 == digest(tmp_path / scores.raw.path)


def test_one_row_in_a_thousand_that_raises_is_one_error(
    tiny: Candidate, other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """The row is found among its batch, counted, named with its id and the line; the rows beside it are answered."""
    production = pd.read_parquet(sets.production)
    text = production.loc[700, "text"]
    rare = (production["text"] == text).sum()
    raising = other(
        ("found = [", f"if {text!r} in list(rows['text']): raise ValueError('not this one')\n    found = [")
    )
    scores, saved = evaluated(tiny, raising, sets, tmp_path)
    assert scores.exceptions == scores.overall.errors == rare
    assert (saved["outcome"] == "answered").sum() == 1200 - rare
    assert "exception: encode raised ValueError: not this one at adapter.py:" in scores.error_examples[0]
    assert scores.error_examples[0].startswith(saved["id"][saved["outcome"] == "exception"].iloc[0])


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        (
            (CONFIDENCE, '"confidence": np.where(logits[:, 0] > 1, 1.5, 0.5)'),
            "malformed",
            "confidence 1.5 is not in [0, 1]",
        ),
        ((CONFIDENCE, '"confidence": np.where(logits[:, 0] > 1, -0.1, 0.5)'), "malformed", "confidence -0.1 is not in"),
        (
            (CONFIDENCE, '"confidence": np.where(logits[:, 0] > 1, np.nan, 0.5)'),
            "non_finite",
            "confidence is not finite",
        ),
        (
            (CONFIDENCE, '"confidence": np.where(logits[:, 0] > 1, np.inf, 0.5)'),
            "non_finite",
            "confidence is not finite",
        ),
    ],
)
def test_a_confidence_that_is_none_is_an_error_of_its_request(
    tiny: Candidate, other: Callable[..., Serving], sets: DataSets, tmp_path: Path,
    change: tuple[str, str], kind: str, why: str,
) -> None:  # fmt: skip
    """Outside of [0, 1] is malformed, NaN and infinity are not finite; such a request is never right."""
    scores, saved = evaluated(tiny, other(change), sets, tmp_path)
    broken = saved["outcome"] == kind
    assert 0 < broken.sum() == getattr(scores, kind) == scores.overall.errors < 1200
    assert why in saved.loc[broken, "why"].iloc[0]
    assert not saved.loc[broken, "right"].any()


def test_a_raw_output_that_is_not_finite_is_seen_though_decode_hides_it(
    tiny: Candidate, other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """A NaN in the graph's output counts, however plausible the prediction made of it."""
    infer = (
        "def decode(",
        "def infer(run, batch):\n    out = run('model', batch)\n    out['output'][0, 0] = np.nan\n    return out\n\n\ndef decode(",
    )
    scores, _ = evaluated(
        tiny,
        other(infer, ("(logits,) = outputs.values()", "logits = np.nan_to_num(outputs['output'])")),
        sets,
        tmp_path,
    )
    assert scores.non_finite == np.ceil(1200 / 32)
    assert "the output output is not finite" in scores.error_examples[0]


def test_abstaining_is_no_error_and_not_right(
    tiny: Candidate, other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """A missing prediction abstains; among labelled rows it counts as not correct, so nobody gains by it."""
    unsure = other(
        (PREDICTION, '"prediction": np.where(chance.max(axis=1) < 0.7, None, LABELS[chance.argmax(axis=1)])')
    )
    scores, saved = evaluated(tiny, unsure, sets, tmp_path)
    assert 0 < scores.overall.abstained == saved["prediction"].isna().sum()
    assert scores.overall.errors == 0
    assert scores.overall.correct == (saved["prediction"] == saved["label"]).sum()


def test_an_adapter_that_always_fails_is_told_once(other: Callable[..., Serving], production: pd.DataFrame) -> None:
    """Where no row of the first hundred can be answered, the stage says so instead of trying every row."""
    server = Server(other((CONFIDENCE, '"score": chance.max(axis=1)')))
    with pytest.raises(StageError, match="none of the first 100 rows could be answered: decode returned the columns"):
        predict_all(server, production[["text"]])


def test_rows_that_fail_for_being_long_do_not_hide_the_others(
    other: Callable[..., Serving], production: pd.DataFrame
) -> None:
    """A hundred longest rows that raise are a hundred errors."""
    server = Server(other(("found = [", "assert rows['text'].str.len().max() < 35\n    found = [")))
    inputs = production[["text"]]
    long = int((inputs["text"].str.len() >= 35).sum())
    assert long > 100
    assert (predict_all(server, inputs).frame["outcome"] == "exception").sum() == long


def test_no_rows_have_no_answers(served: Serving) -> None:
    """An empty frame is answered with an empty frame."""
    assert predict_all(Server(served), pd.DataFrame({"text": []}, dtype=object)).frame.empty


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


def test_long_rows_have_batches_of_their_own() -> None:
    """A batch has 32 rows, or ends before a row of over twice the length of its first; every row is in one."""
    sizes = [0, 5, 32] + [33] * 40 + [66] * 3 + [67, 900, 1800]
    assert sorted(_spans(sizes)) == [(0, 3), (3, 35), (35, 46), (46, 47), (47, 49)]
    assert _spans([]) == []


def test_a_set_without_rows_measures_nothing(tiny: Candidate, served: Serving, sets: DataSets, tmp_path: Path) -> None:
    """Zero rows are no accuracy."""
    empty = tmp_path / "empty.parquet"
    pd.read_parquet(sets.production).head(0).to_parquet(empty)
    with pytest.raises(StageError, match="the production set has no rows"):
        evaluated(tiny, served, sets.model_copy(update={"production": empty}), tmp_path)


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


def test_a_share_of_weighted_rows_is_the_logs_and_says_less() -> None:
    """Two rows of weight 3 and six of weight 1: the share is that of the weights, of (12^2 / 24 =) 6 effective rows."""
    weights = np.array([3.0, 3, 1, 1, 1, 1, 1, 1])
    events = np.array([True, False, True, True, False, False, False, False])
    found = share(events, weights, np.ones(8, dtype=bool))
    assert (found.value, found.trials) == (pytest.approx(5 / 12), pytest.approx(6))
    everything = share(np.ones(8, dtype=bool), weights, np.ones(8, dtype=bool))
    assert everything.events == everything.trials
    alike = share(events, weights, weights == 1)
    assert (alike.events, alike.trials) == (2, 6)


def test_answers_to_other_rows_are_never_paired(tiny: Candidate, production: pd.DataFrame, tmp_path: Path) -> None:
    """Two files that are not about the same rows in the same order are refused."""
    from tasks.evaluation.predict import Predictions

    for name, rows in (("one", production.head(10)), ("two", production.iloc[1:11])):
        frame = pd.DataFrame({"prediction": ["x"] * 10, "confidence": 0.5, "outcome": "answered", "why": None})
        score("production", rows.reset_index(drop=True), tiny.columns, Predictions(frame, 1.0), tmp_path / name)
    with pytest.raises(StageError, match="are not about the same rows"):
        pair("fp32", *(tmp_path / name / "predictions-production.parquet" for name in ("one", "two")))
