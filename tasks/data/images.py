"""Images as an input column holds them: nested lists of one shape, [height, width] or [height, width, channels].

Their values are whole numbers from 0 to 255, or lie between 0 and 1. No file is decoded here: what the log holds is what
the model is given.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


IMAGES = "images of "
FEWEST_PIXELS = 8  # a side; smaller lists of lists are tables
MOST_CHANNELS = 4
BYTE = 255.0
LOOKED_AT = 200  # values of a column
ALIKE_SHARE = 0.95  # of them: a few broken images are for other checks to find
SHADES = "\u2591\u2592\u2593\u2588"  # from the darkest pixels to the brightest; all are as wide in any font
MOST_CELLS = 10  # a side of what is shown of an image


class Format(NamedTuple):
    """What a column's images are like: `shape` is (height, width) or (height, width, channels), values go to `high`."""

    shape: tuple[int, ...]
    high: float


def image_format(column: pd.Series[Any]) -> Format | None:
    """Return what the images of a column are like; None where it holds no images of one shape."""
    values = [value for value in column.dropna().head(LOOKED_AT) if isinstance(value, (list, tuple, np.ndarray))]
    found = [image for value in values if (image := image_of(value)) is not None]
    if not found:
        return None
    shape, count = Counter(image.shape for image in found).most_common(1)[0]
    if count < ALIKE_SHARE * len(values):
        return None
    high = BYTE if any(image.max() > 1 for image in found) else 1.0
    whole = all(np.array_equal(image, np.round(image)) for image in found)
    return Format(shape, high) if high == 1 or whole else None


def image_of(value: Any) -> np.ndarray | None:
    """Return a value as an image, shape (height, width) or (height, width, channels); None where it is none."""
    array = array_of(value)
    if array is None or array.ndim not in (2, 3) or min(array.shape[:2]) < FEWEST_PIXELS:
        return None
    channels = array.shape[2] if array.ndim > 2 else 1  # noqa: PLR2004  the third axis
    return array if 1 <= channels <= MOST_CHANNELS and 0 <= array.min() <= array.max() <= BYTE else None


def array_of(value: Any) -> np.ndarray | None:
    """Return a list of numbers, nested or not, as one array; None where its parts differ in length, or are no numbers."""
    try:
        array = np.asarray(plain_list(value))
    except ValueError:
        return None
    return array if array.dtype.kind in "iuf" else None


def plain_list(value: Any) -> Any:
    """Return arrays of arrays, as Parquet's nested lists are read, as lists of lists; anything else as it is."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.tolist()
    return [plain_list(item) for item in value] if isinstance(value, (list, tuple, np.ndarray)) else value


def images_of(shape: tuple[int, ...]) -> str:
    """Return what images of a shape are called."""
    return f"{IMAGES}{size_in_words(shape)}"


def size_in_words(shape: tuple[int, ...]) -> str:
    """Return a shape as it is written: 28 x 28 x 3."""
    return " x ".join(map(str, shape))


def image_in_words(image: np.ndarray) -> str:
    """Return an image in a few words: its size, and how far its values go."""
    return f"image of {size_in_words(image.shape)}, {image.min():.3g} to {image.max():.3g}"


def drawn_in_text(image: np.ndarray) -> str:
    """Return an image as lines of text: what it is in words, then its brightness in at most 10 by 10 cells of two letters."""
    gray = image.mean(axis=2) if image.ndim > 2 else image.astype(np.float64)  # noqa: PLR2004  the third axis
    for axis in (0, 1):
        parts = np.array_split(gray, min(gray.shape[axis], MOST_CELLS), axis=axis)
        gray = np.stack([part.mean(axis=axis) for part in parts], axis=axis)
    high = BYTE if image.max() > 1 else 1.0
    shades = np.minimum(gray / high * len(SHADES), len(SHADES) - 1).astype(int)
    return "\n".join([image_in_words(image), *("".join(2 * SHADES[cell] for cell in line) for line in shades)])


def flattened(value: Any) -> np.ndarray:
    """Return all numbers of a nested list."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.ravel()
    parts = [flattened(item) if isinstance(item, (list, tuple, np.ndarray)) else np.array([item]) for item in value]
    return np.concatenate(parts) if parts else np.zeros(0)


def is_float_array(value: Any) -> bool:
    """Tell whether a list, nested or not, holds floats alone."""
    try:
        return flattened(value).dtype.kind == "f"
    except ValueError:
        return False
