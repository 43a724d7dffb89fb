"""Scores of a variant in which failed and abstained requests count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from support.tiny import CONFIDENCE

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.evaluation.evaluate import evaluate_variant
from tasks.evidence import FirstLaunch, Scores

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Candidate, Serving
    from tasks.data.datasets import DataSets

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


def test_a_set_without_rows_measures_nothing(tiny: Candidate, served: Serving, sets: DataSets, tmp_path: Path) -> None:
    """Zero rows are no accuracy."""
    empty = tmp_path / "empty.parquet"
    pd.read_parquet(sets.production).head(0).to_parquet(empty)
    with pytest.raises(StageError, match="the production set has no rows"):
        evaluated(tiny, served, sets.model_copy(update={"production": empty}), tmp_path)
