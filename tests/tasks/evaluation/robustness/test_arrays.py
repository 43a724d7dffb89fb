"""Changes of lists, arrays and images: inside of them, and of no other form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.perturbed_values import NAMED, changed

from tasks.data.images import plain_list
from tasks.evaluation.robustness.arrays import objects
from tasks.evaluation.robustness.columns import Column, Draw, describe_column
from tasks.evaluation.robustness.plan import content


def nested(array: np.ndarray) -> np.ndarray:
    """Return an array as Parquet's nested lists are read: arrays of arrays."""
    return objects([nested(part) for part in array]) if array.ndim > 1 else array


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
