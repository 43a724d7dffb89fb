"""The shapes of generated answers: loops, and lengths against labels and the evaluation set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.scored_rows import COLUMNS, answers, labelled_rows

from tasks.core.run_folder import VariantFolder
from tasks.evaluation.generated import answer_shapes, loop
from tasks.evaluation.scores import Scoring, score
from tasks.evidence import AnswerShapes

if TYPE_CHECKING:
    from pathlib import Path


def test_a_loop_is_what_an_answer_ends_in() -> None:
    """Four turns of one to four tokens at the end; fewer turns or a loop in the middle is language."""
    assert loop(["a", "b", "b", "b", "b"]) == ("b",)
    assert loop(["x", "a", "b", "a", "b", "a", "b", "a", "b"]) == ("a", "b")
    assert loop(["a", "b", "b", "b"]) is None
    assert loop(["b", "b", "b", "b", "a"]) is None
    assert loop([]) is None


def test_shapes_are_of_answers_against_their_labels_and_the_evaluation_set(tmp_path: Path) -> None:
    """Loops that the label has too are none; lengths are compared with those of the answers on the evaluation set."""
    words = Scoring("generation")
    score("evaluation", labelled_rows(["a b"] * 4), COLUMNS, answers(["a b"] * 4), tmp_path, scoring=words)
    labels = ["a b", "a b c d e", "a", "ha ha ha ha", None, "a b"]
    said = ["a b b b b", "a b c", "a", "ha ha ha ha", "z z z z", None]
    score("production", labelled_rows(labels), COLUMNS, answers(said), tmp_path, scoring=words)
    found = answer_shapes(VariantFolder(tmp_path).answers("evaluation"), VariantFolder(tmp_path).answers("production"))
    assert isinstance(found, AnswerShapes)
    assert (found.answered, found.labelled) == (5, 4)
    assert (found.repeated.events, found.shortened.events, found.lengthened.events) == (2, 1, 1)
    assert found.lengths.distance == pytest.approx(0.8)
