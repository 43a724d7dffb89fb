"""What a column of images is taken to be, and how an image is told in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tasks.data.images import Format, array_of, drawn_in_text, image_format, image_in_words, image_of

if TYPE_CHECKING:
    from pathlib import Path

DRAW = np.random.default_rng(0)


def column(*shape: int, high: float = 255, rows: int = 30) -> pd.Series[Any]:
    """Return random images of one shape, as nested lists."""
    whole = high == 255
    values = DRAW.integers(0, 256, (rows, *shape)) if whole else DRAW.uniform(0, high, (rows, *shape))
    return pd.Series(values.tolist(), dtype=object)


@pytest.mark.parametrize("shape", [(8, 8), (28, 20), (16, 16, 1), (16, 12, 3)])
@pytest.mark.parametrize("high", [1, 255])
def test_a_column_of_images_is_known_by_its_form(shape: tuple[int, ...], high: float, tmp_path: Path) -> None:
    """As lists or as Parquet is read, with gaps, and with a broken image among many."""
    images = column(*shape, high=high)
    wanted = Format(shape, high)
    assert image_format(images) == wanted
    images[3], images[4] = None, images[5][:3]
    pd.DataFrame({"x": images}).to_parquet(tmp_path / "x.parquet")
    assert image_format(pd.read_parquet(tmp_path / "x.parquet")["x"]) == wanted


@pytest.mark.parametrize(
    "values",
    [
        column(7, 8),
        column(8, 8, 5),
        column(64),
        column(8, 8, 2, 2),
        column(8, 8) .map(lambda image: (np.array(image) - 1.0).tolist()),
        column(8, 8).map(lambda image: (np.array(image) + 1.0).tolist()),
        column(8, 8, high=100),
        pd.Series([DRAW.integers(0, 9, (8 + row % 3, 8)).tolist() for row in range(30)], dtype=object),
        pd.Series([[["a"] * 8] * 8] * 30, dtype=object),
        pd.Series(["text", "another"], dtype=object),
        pd.Series([None, None], dtype=object),
    ],
    ids=["small", "five channels", "flat", "four axes", "negative", "over 255", "fractions of 100", "sizes", "texts",
         "no lists", "nothing"],
)  # fmt: skip
def test_other_lists_are_no_images(values: pd.Series[Any]) -> None:
    """A table, a sequence of vectors, and what is out of range are left to the changes of plain lists."""
    assert image_format(values) is None


def test_ragged_lists_are_no_array() -> None:
    """Nor are texts, and numbers are, nested or not."""
    assert array_of([[1, 2], [3]]) is None
    assert array_of([["a"]]) is None
    assert array_of("text") is None
    assert np.array_equal(array_of([1, 2.5]), [1, 2.5])  # type: ignore[arg-type]


def test_an_image_is_drawn_in_few_letters() -> None:
    """A large one as a small one: its size and range, then at most ten lines of twenty letters."""
    image = np.zeros((40, 60, 3), dtype=int)
    image[:, 30:] = 255
    assert image_in_words(image) == "image of 40 x 60 x 3, 0 to 255"
    first, *lines = drawn_in_text(image).splitlines()
    assert first == image_in_words(image)
    assert lines == ["\u2591" * 10 + "\u2588" * 10] * 10
    small = image_of((np.eye(8) * 0.6).tolist())
    assert small is not None
    lines = drawn_in_text(small).splitlines()[1:]
    assert (len(lines), lines[0]) == (8, "\u2593\u2593" + "\u2591" * 14)
