"""What a column holds, as perturbations see it."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.column_types import common_kind
from tasks.data.images import image_format, is_float_array

if TYPE_CHECKING:
    import pandas as pd


Draw = random.Random
WORD = re.compile(r"[^\W\d_]+")
CATEGORY_SHARE = 0.05  # a text column with fewer different values, as a share of its rows, holds categories
TEXTS_LOOKED_AT, CHARACTERS_LOOKED_AT = 500, 300  # to tell prose
CASELESS_LETTERS = 4  # as many letters without case are words of a script that needs no blanks
MOST_INTEGER = 2**63 - 1


@dataclass(frozen=True)
class Column:
    """An input column: `holds` is prose, code, integers, floats, booleans, arrays, images, lists, times, bytes, or mappings.

    Prose is text in words; code is other text (categories, identifiers), where a letter more or less changes the meaning.
    `low` and `high` are the range of numbers and of an image's values, `gaps` is true where some values are missing.
    """

    name: str
    holds: str
    low: float = 0.0
    high: float = 0.0
    gaps: bool = False


def describe_column(values: pd.Series[Any]) -> Column | None:
    """Return what a column holds, None where it has no value at all."""
    name, kind, present = str(values.name), common_kind(values), values.dropna()
    gaps = len(present) < len(values)
    if kind == "text":
        texts = [value for value in present if isinstance(value, str)]
        few = len(set(texts)) <= CATEGORY_SHARE * len(values)
        looked_at = [text[:CHARACTERS_LOOKED_AT] for text in texts[:TEXTS_LOOKED_AT]]
        prose = 2 * sum(map(is_prose, looked_at)) > len(looked_at)
        return Column(name, "prose" if prose and not few else "code", gaps=gaps)
    if kind == "numbers":
        numbers = np.array([float(value) for value in present if isinstance(value, (int, float, np.number))])
        numbers = numbers[np.isfinite(numbers)]
        if numbers.size == 0:
            return None
        # a column of integers with missing values is read as floats
        whole = values.dtype.kind in "iu" or bool((numbers == np.round(numbers)).all())
        return Column(name, "integers" if whole else "floats", float(numbers.min()), float(numbers.max()), gaps)
    if kind == "lists":
        images = image_format(values)
        holds = "arrays" if all(map(is_float_array, present.head(20))) else "lists"
        return Column(name, "images" if images else holds, high=images.high if images else 0.0, gaps=gaps)
    return None if kind is None else Column(name, kind, gaps=gaps)


def is_prose(text: str) -> bool:
    """Tell words from identifiers: blanks between letters, or letters of a script without case; JSON is neither."""
    stripped = text.strip()
    if stripped.startswith(("{", "[")):
        return False
    caseless = sum(letter.isalpha() and letter.lower() == letter.upper() for letter in stripped)
    return caseless >= CASELESS_LETTERS or (len(WORD.findall(stripped)) > 1 and any(map(str.isspace, stripped)))
