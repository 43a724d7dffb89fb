"""Perturbations: each changes what its name says and nothing else, and fits the columns that it is meant for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.data.images import plain_list
from tasks.evaluation.robustness.arrays import objects
from tasks.evaluation.robustness.columns import Column, Draw, describe_column
from tasks.evaluation.robustness.perturbations import KINDS, Kind
from tasks.evaluation.robustness.plan import Trial, content, perturb, plan_trials

TEXT = "The staff were really friendly, and helped us at once"
PROSE = Column("text", "prose")
NAMED = {kind.name: kind for kind in KINDS}


def changed(kind: str, value: Any, column: Column = PROSE) -> Any:
    """Return a value changed in one way."""
    return NAMED[kind].change(value, Draw(3), column)


def nested(array: np.ndarray) -> np.ndarray:
    """Return an array as Parquet's nested lists are read: arrays of arrays."""
    return objects([nested(part) for part in array]) if array.ndim > 1 else array


def column_of(*values: Any) -> Column | None:
    """Return what a column of these values, many times over, is taken to hold."""
    return describe_column(pd.Series(list(values) * 30, name="x"))


def test_a_typo_swaps_two_letters_inside_of_a_word() -> None:
    """The first letters stay, and so do all the characters; short words have none."""
    typo = changed("typo in a word", TEXT)
    assert sorted(typo) == sorted(TEXT)
    assert sum(a != b for a, b in zip(typo, TEXT, strict=True)) == 2
    assert [word[0] for word in typo.split()] == [word[0] for word in TEXT.split()]
    assert changed("typo in a word", "so it is") == "so it is"


def test_harmless_changes_keep_what_is_read() -> None:
    """What is undone gives the text again."""
    assert changed("other case", TEXT).lower() == TEXT.lower()
    assert changed("other case", TEXT.upper()) == TEXT.lower()
    assert changed("blanks doubled", TEXT).split() == TEXT.split()
    assert changed("blanks doubled", f" {TEXT}") == TEXT.replace(" ", "  ")
    assert changed("zero-width space", TEXT).replace("\u200b", "") == TEXT
    assert changed("emoji at the end", TEXT).startswith(f"{TEXT} ")


def test_look_alikes_are_in_one_word() -> None:
    """The words around it stay."""
    pairs = zip(changed("look-alike letters", TEXT).split(), TEXT.split(), strict=True)
    (found,) = [(a, b) for a, b in pairs if a != b]
    assert len(found[0]) == len(found[1])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "prose" in kind.of], ids=lambda kind: kind.name)
def test_every_change_of_text_bears_any_text(kind: Kind) -> None:
    """Empty, blank, short and foreign texts are changed or left, and a seed gives the same again."""
    for text in ("", " ", "a", "\n", "\u4eca\u5929\u5929\u6c14", "\U0001f600", TEXT, TEXT.upper()):
        one, other = (kind.change(text, Draw(5), PROSE) for _ in range(2))
        assert one == other


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ([f"the {n} red dogs" for n in range(30)], "prose"),
        ([f"\u4eca\u5929\u5929\u6c14{n}" for n in range(30)], "prose"),
        (["credit card", "bank transfer"], "code"),
        ([f"sku-{n}" for n in range(30)], "code"),
        ([f'{{"a": "b c", "n": {n}}}' for n in range(30)], "code"),
        ([1, 2, 3], "integers"),
        ([1.0, None, 3.0], "integers"),
        ([0.5, None], "floats"),
        ([True, False], "booleans"),
        ([np.array([0.1, 0.2])], "arrays"),
        ([[1, 2], [3]], "lists"),
        ([["a"], ["b", "c"]], "lists"),
        ([np.full((8, 8), 200).tolist()], "images"),
        ([[[0.5, 0.2], [0.1, 0.4]]], "arrays"),
    ],
)
def test_a_column_is_known_by_what_it_holds(values: list[Any], holds: str) -> None:
    """Categories and identifiers are no prose, and integers with gaps are still integers."""
    found = describe_column(pd.Series(values * 2 if holds in ("prose", "code") and len(values) == 30 else values * 30))
    assert found is not None
    assert found.holds == holds


def test_a_column_without_values_is_none() -> None:
    """There is nothing to change."""
    assert column_of(None) is None
    assert column_of(float("inf")) is None


def test_numbers_keep_their_type_or_change_it_on_purpose() -> None:
    """An identifier that is far out is still an integer."""
    integers, floats = Column("n", "integers", 0, 9), Column("x", "floats", 0, 1)
    assert isinstance(changed("far out of range", 4, integers), int)
    assert abs(changed("far out of range", 0.5, floats)) > 9
    assert content(changed("integer as float", 4, integers)) != content(4)
    assert changed("other last digit", 0.5, floats) == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("value", [np.arange(6, dtype=np.float32), [0.0, 1.0, 2.0], [[0.5, 1.5], [2.5, 3.5]]])
def test_lists_keep_their_shape(value: Any) -> None:
    """Whether they are arrays, lists, or lists of lists."""
    column = Column("v", "arrays")
    for kind in ("noise", "all zeros", "shifted", "not a number"):
        found = changed(kind, value, column)
        assert type(found) is type(value)
        assert np.shape(found) == np.shape(value)
        assert content(found) != content(value)
    assert np.asarray(changed("noise", value, column)) == pytest.approx(np.asarray(value), abs=0.2)


def test_nested_arrays_as_parquet_reads_them_are_changed_inside() -> None:
    """Arrow gives an array of arrays."""
    value = np.empty(2, dtype=object)
    value[0], value[1] = np.ones(3), np.ones(3)
    assert np.concatenate(list(changed("all zeros", value, Column("v", "arrays")))).tolist() == [0.0] * 6


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("high", [255, 1])
@pytest.mark.parametrize("shape", [(8, 9), (20, 16, 3)])
def test_changes_of_an_image_keep_its_form(shape: tuple[int, ...], high: int, parquet: bool) -> None:
    """Its nesting, its shape, its range and the type of its values, whether it is of lists or as Parquet is read."""
    draw = np.random.default_rng(0)
    image = draw.integers(20, 200, shape) if high == 255 else draw.uniform(0.1, 0.9, shape)
    value = nested(image) if parquet else image.tolist()
    column = describe_column(pd.Series([value] * 30, name="pixels"))
    assert column is not None
    assert (column.holds, column.low, column.high) == ("images", 0, high)
    for kind in ("noise in the image", "image shifted", "blank image", "random pixels"):
        found = changed(kind, value, column)
        assert type(found) is type(value)
        array = np.array(plain_list(found))
        assert (array.shape, array.dtype) == (image.shape, image.dtype)
        assert 0 <= array.min() <= array.max() <= high
        assert not np.array_equal(array, image)
    other = np.array(plain_list(changed("other scale", value, column)))
    np.testing.assert_allclose(other, image / 255 if high == 255 else image * 255)


def test_an_image_is_moved_by_a_pixel_or_two() -> None:
    """A small one by one alone, in every direction; what comes in at the edge is the edge again."""
    image = np.arange(64).reshape(8, 8)
    column = Column("pixels", "images", high=255)
    found = {tuple(np.ravel(NAMED["image shifted"].change(image.tolist(), Draw(seed), column))) for seed in range(40)}
    rows, columns = np.r_[1:8, 7], np.r_[0, 0:7]
    assert found == {tuple(moved.ravel()) for moved in (image[rows], image[columns], image[:, rows], image[:, columns])}
    large = np.zeros((20, 20))
    large[:, :10] = 1
    sums = {float(np.sum(NAMED["image shifted"].change(large.tolist(), Draw(seed), column))) for seed in range(60)}
    assert sums == {160.0, 180.0, 200.0, 220.0, 240.0}


def test_noise_in_an_image_is_two_in_a_hundred_of_its_range() -> None:
    """Of 255 as of 1, and whole numbers stay whole."""
    column = Column("pixels", "images", high=255)
    noisy = np.array(NAMED["noise in the image"].change(np.full((60, 60), 128).tolist(), Draw(1), column))
    assert noisy.dtype.kind == "i"
    assert noisy.std() == pytest.approx(0.02 * 255, rel=0.05)
    column = Column("pixels", "images", high=1)
    noisy = np.array(NAMED["noise in the image"].change(np.full((60, 60), 0.5).tolist(), Draw(1), column))
    assert noisy.std() == pytest.approx(0.02, rel=0.05)


def test_a_value_among_images_that_is_none_stays() -> None:
    """A log may hold a list that is no image, and it is not the perturbation that breaks it."""
    column = Column("pixels", "images", high=255)
    assert changed("image shifted", [1, 2], column) == [1, 2]
    assert changed("noise in the image", [[1], [2, 3]], column) == [[1], [2, 3]]


def test_rows_that_a_change_does_not_move_are_not_tried() -> None:
    """A missing value stays missing, and a text without a long word has no typo."""
    inputs = pd.DataFrame({"text": [TEXT, "so it is", None]})
    places, rows = perturb(Trial(NAMED["typo in a word"], (PROSE,), 3), inputs, seed=0)
    assert (places.tolist(), len(rows)) == ([0], 1)


def test_a_column_keeps_its_type_where_that_can_hold_the_change() -> None:
    """A missing number is NaN in a column of floats; half of a surrogate pair is in no column of Arrow's."""
    inputs = pd.DataFrame({"text": [TEXT], "n": [3]})
    empty = perturb(Trial(NAMED["empty"], (PROSE,), 1), inputs, 0)[1]
    assert empty["text"].dtype == inputs["text"].dtype
    missing = perturb(Trial(NAMED["missing"], (Column("n", "integers"),), 1), inputs.astype({"n": float}), 0)[1]
    assert (str(missing["n"].dtype), bool(missing["n"].isna().all())) == ("float64", True)
    half = perturb(Trial(NAMED["lone surrogate"], (PROSE,), 1), inputs, 0)[1]
    assert (str(half["text"].dtype), len(half["text"][0])) == ("object", len(TEXT) + 1)


def test_enough_rows_are_planned_where_few_kinds_fit() -> None:
    """A candidate of categories alone can still show a rate of crashes; long ones stay few."""
    trials = plan_trials([Column("a", "code")], 200)
    assert sum(trial.count for trial in trials if trial.kind.traffic) >= 400
    assert {trial.count for trial in trials if trial.kind.long} == {4}


def test_each_column_is_changed_alone_but_for_harmless_changes() -> None:
    """So that one column of many can't hide its crash."""
    trials = plan_trials([Column("a", "floats"), Column("b", "floats")], 50)
    assert [trial.name for trial in trials if trial.kind.name == "missing"] == ["missing, a", "missing, b"]
    assert [trial.column for trial in trials if trial.kind.preserving] == [None]
