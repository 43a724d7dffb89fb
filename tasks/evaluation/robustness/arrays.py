"""Changes of an input that is a list of numbers, nested or not, or an image.

The harmless ones of images are the smallest that a camera makes: noise (Hendrycks and Dietterich, "Benchmarking Neural
Network Robustness to Common Corruptions", ICLR 2019) and a place (Azulay and Weiss, "Why do deep convolutional networks
generalize so poorly to small image transformations?", JMLR 20, 2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.images import BYTE, array_of, flattened

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.evaluation.robustness.columns import Column, Draw


PIXEL_NOISE = 0.02  # of the range, as a standard deviation: five of 255
LARGE_SIDE = 16  # pixels; a smaller image is shifted by one alone


def noise(value: Any, draw: Draw, _: Column) -> Any:
    """Add to each number of a list one in a hundred of the list's standard deviation, at random."""
    flat = flattened(value)
    scale = 0.01 * float(flat.std()) if flat.size else 0.0
    random_numbers = np.random.default_rng(draw.getrandbits(32))
    return of_arrays(value, lambda array: (array + random_numbers.normal(0, scale, array.shape)).astype(array.dtype))


def shift(value: Any, _: Draw, __: Column) -> Any:
    """Move each number of a list by one place."""
    return of_arrays(value, lambda array: np.roll(array, 1))


def zeros(value: Any, _: Draw, __: Column) -> Any:
    """Put zeros for the numbers of a list."""
    return of_arrays(value, np.zeros_like)


def with_a_gap(value: Any, _: Draw, __: Column) -> Any:
    """Put NaN for the first number of a list."""
    return of_arrays(value, lambda array: np.concatenate([np.full(min(1, len(array)), np.nan, array.dtype), array[1:]]))


def image_noise(value: Any, draw: Draw, column: Column) -> Any:
    """Add noise of two in a hundred of the range to each value of an image; whole numbers stay whole."""

    def noisy(image: np.ndarray) -> np.ndarray:
        added = image + np.random.default_rng(draw.getrandbits(32)).normal(0, PIXEL_NOISE * column.high, image.shape)
        return (np.rint(added) if column.high == BYTE else added).clip(column.low, column.high)

    return _of_image(value, noisy)


def image_shift(value: Any, draw: Draw, _: Column) -> Any:
    """Move an image by one pixel, or of a large one by two as well, in one of four directions; the edge is repeated."""

    def moved(image: np.ndarray) -> np.ndarray:
        axis, side = draw.choice((0, 1)), draw.choice((-1, 1))
        by = side * draw.choice((1, 2) if min(image.shape[:2]) >= LARGE_SIDE else (1,))
        places = np.arange(image.shape[axis]) + by
        return image.take(places.clip(0, image.shape[axis] - 1), axis=axis)

    return _of_image(value, moved)


def blank_image(value: Any, draw: Draw, column: Column) -> Any:
    """Return an image of one value: the lowest, the middle, or the highest."""
    level = draw.choice((column.low, column.high // 2 if column.high == BYTE else column.high / 2, column.high))
    return _of_image(value, lambda image: np.full(image.shape, level))


def random_image(value: Any, draw: Draw, column: Column) -> Any:
    """Return an image of values at random over the range."""
    values = np.random.default_rng(draw.getrandbits(32))
    top = column.high

    def random(image: np.ndarray) -> np.ndarray:
        return values.integers(0, 256, image.shape) if top == BYTE else values.uniform(0, top, image.shape)

    return _of_image(value, random)


def other_scale(value: Any, _: Draw, column: Column) -> Any:
    """Write an image of 0 to 255 as one of 0 to 1, or the other way round, as a client that mistakes them does."""
    factor = 1 / BYTE if column.high == BYTE else BYTE
    return _of_image(value, lambda image: image * factor, keep=False)


def _of_image(value: Any, change: Callable[[np.ndarray], np.ndarray], *, keep: bool = True) -> Any:
    """Return an image changed, nested as it was, its values of the type that they had where `keep` is set.

    A value that is no image, as a few in a log may be, stays as it is.
    """
    image = array_of(value)
    if image is None or image.ndim < 2:  # noqa: PLR2004  a height and a width
        return value
    changed = change(image)
    return _nested_as(value, changed.astype(image.dtype) if keep else changed)


def _nested_as(value: Any, array: np.ndarray) -> Any:
    """Return an array as nested lists, or as arrays of arrays where `value` is one, as Parquet's lists are read."""
    if not isinstance(value, np.ndarray):
        return array.tolist()
    return objects([_nested_as(*pair) for pair in zip(value, array, strict=True)]) if value.dtype == object else array


def of_arrays(value: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return a list, nested or not, with each innermost array of numbers changed; of lists come lists."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return change(value)
    if any(isinstance(item, (list, tuple, np.ndarray)) for item in value):
        items = [of_arrays(item, change) for item in value]
        if isinstance(value, np.ndarray):
            return objects(items)
        return items
    return change(np.asarray(value, dtype=np.float64)).tolist()


def objects(values: list[Any]) -> np.ndarray:
    """Return an array [values] of the values as they are: numpy would make one array of lists that are as long."""
    held = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        held[index] = value
    return held
