"""Two answers to the same rows held against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.serving.differences import compare_answers, flips
from tasks.serving.server import Answers


def answers(predictions: list[object], confidence: list[float], **outputs: list[object]) -> Answers:
    """Return answers with raw outputs."""
    frame = pd.DataFrame({"prediction": predictions, "confidence": confidence})
    return Answers(frame, {name: np.asarray(values, dtype=np.float32) for name, values in outputs.items()})


def test_a_missing_prediction_differs_from_any_but_another_missing_one() -> None:
    """Abstaining twice is the same answer; abstaining once is a flip."""
    one = pd.Series(["a", None, None, "b", float("nan")], dtype=object)
    other = pd.Series(["a", None, "a", None, None], dtype=object)
    assert flips(one, other).tolist() == [False, False, True, True, False]


def test_the_same_answers_are_bitwise_the_same() -> None:
    """No flips, no distance, the same bytes."""
    one = answers(["a", "b"], [0.9, 0.6], logits=[[1, 2], [3, 4]])
    same = compare_answers("again", one, one)
    assert (same.rows, same.flips, same.max_abs, same.max_relative, same.bitwise, same.error) == (
        2,
        0,
        0,
        0,
        True,
        None,
    )


def test_distances_are_of_the_confidence_and_of_the_raw_outputs() -> None:
    """Absolute on the confidence; on raw outputs the largest difference over the baseline's root mean square."""
    one = answers(["a", "b"], [0.9, 0.6], logits=[[3, 4], [0, 0]])
    two = answers(["a", "a"], [0.8, 0.6], logits=[[3, 4.5], [0, 0]])
    found = compare_answers("other", one, two)
    assert found.flips == 1
    assert found.max_abs == pytest.approx(0.1)
    assert found.max_relative == pytest.approx(0.5 / np.sqrt(25 / 4))
    assert not found.bitwise


def test_a_value_that_is_finite_in_one_only_is_an_error() -> None:
    """A NaN that comes and goes has no distance, and never looks like agreement."""
    one = answers(["a", "b"], [0.9, 0.6], logits=[[1, 2], [3, 4]])
    two = answers(["a", "b"], [0.9, 0.6], logits=[[1, np.nan], [3, 4]])
    assert compare_answers("nan", one, two).error == "1 values are finite in one run and not in the other"
    assert compare_answers("nan", two, two).error is None


def test_without_outputs_of_one_shape_the_confidence_stands_for_them() -> None:
    """Padded outputs of other widths can't be held against each other number by number."""
    one = answers(["a"], [0.5], states=[[1, 2, 3]])
    two = answers(["a"], [0.6], states=[[1, 2]])
    assert compare_answers("width", one, two).max_relative == pytest.approx(0.2)


def test_an_output_of_zeros_is_measured_by_itself() -> None:
    """Nothing is divided by zero."""
    one, two = answers(["a"], [0.5], out=[[0, 0]]), answers(["a"], [0.5], out=[[0, 2]])
    assert compare_answers("zero", one, two).max_relative == 2
