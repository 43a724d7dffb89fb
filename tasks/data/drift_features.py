"""What two data sets are compared in: a column of categories or numbers for each thing that their requests show.

The inputs as they are, or where that says little (free text, lists, images) what can be told of them; and the labels. Slices and
times are left out: a model is not given them, and they differ by intent.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.core.errors import StageError
from tasks.data.column_types import common_kind, kinds_of
from tasks.data.images import array_of, image_format, image_of, size_in_words
from tasks.data.sampling.text import text_of
from tasks.data.traits import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from tasks.core.records import Columns

WORD = re.compile(r"\w+")
MISSING = "(missing)"
OTHER_KIND = "(of another kind)"
FEW_NUMBERS, FEW_TEXTS = 20, 50  # different values; of more, numbers are ordered and texts are free
REPEATED = 5  # times that a category comes in the evaluation set, on average
NOTHING = -np.inf  # a number that is missing, below all others


class Both(NamedTuple):
    """A column of each data set: texts are categories and floats are numbers; nulls are not counted."""

    evaluation: pd.Series[Any]
    production: pd.Series[Any]


def comparable(
    evaluation: pd.DataFrame,
    production: pd.DataFrame,
    columns: Columns,
    traits: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> dict[str, Both]:
    """Return what the two data sets can be compared in, by name; the evaluation set says what each column holds.

    `traits` are those of the two, row by row. Raises StageError where a set lacks rows or a column.
    """
    for name, rows in (("evaluation set", evaluation), ("production sample", production)):
        if missing := [column for column in (*columns.input, columns.label) if column not in rows]:
            raise StageError(f"the {name} has no column {', '.join(missing)}, so it can't be compared")
        if rows.empty:
            raise StageError(f"the {name} has no rows, so it can't be compared")
    found: dict[str, Both] = {}
    free = []
    for column in columns.input:
        both = Both(evaluation[column], production[column])
        kind = common_kind(both.evaluation) or common_kind(both.production) or "text"
        shown = dict(_shown(column, kind, both))
        found |= shown
        if not shown:
            free.append(column)
    if free:
        found |= _of_text(free, evaluation, production, columns, traits)
    labels = Both(evaluation[columns.label], production[columns.label])
    kind = common_kind(labels.evaluation) or "text"
    found[columns.label] = Both(*(_categories(each, kind).where(each.notna().to_numpy(), None) for each in labels))
    return found


def _shown(name: str, kind: str, both: Both) -> Iterator[tuple[str, Both]]:
    """Yield what a column is compared in; nothing of free text."""
    if kind == "lists" and image_format(both.evaluation) is not None:
        yield f"size of {name}", Both(*(_sizes(values) for values in both))
        yield f"brightness of {name}", _each(both, kind, _mean)
        yield f"contrast of {name}", _each(both, kind, _spread)
    elif kind in ("lists", "bytes"):
        yield f"length of {name}", _each(both, kind, lambda value: float(len(value)))
        if kind == "lists":
            yield f"mean of {name}", _each(both, kind, _mean)
    elif kind == "times":
        yield f"seconds since 1970 of {name}", _each(both, kind, _seconds)
    elif kind == "numbers" and not _few(both.evaluation, FEW_NUMBERS):
        yield name, _each(both, kind, float)
    elif kind in ("numbers", "booleans") or _few(both.evaluation, FEW_TEXTS):
        yield name, Both(*(_categories(values, kind) for values in both))


def _of_text(
    free: list[str],
    evaluation: pd.DataFrame,
    production: pd.DataFrame,
    columns: Columns,
    traits: tuple[pd.DataFrame, pd.DataFrame] | None,
) -> dict[str, Both]:
    import pandas as pd

    name = " and ".join(free)
    texts = [joined(rows[free].map(_plain, na_action="ignore")) for rows in (evaluation, production)]
    lengths = (pd.Series([float(len(text)) for text in each]) for each in texts)
    there = (rows[free].notna().any(axis=1).to_numpy() for rows in (evaluation, production))
    found = {
        f"characters of {name}": Both(
            *(each.where(any_of, NOTHING) for each, any_of in zip(lengths, there, strict=True))
        ),
        f"percent of unknown words of {name}": _unknown(*texts),
    }
    for trait in ("language", "format"):
        sources = (evaluation, production) if trait in columns.slices or traits is None else traits
        if all(trait in source for source in sources):
            found[f"{trait} of {name}"] = Both(*(_categories(source[trait], "text") for source in sources))
    return found


def _unknown(evaluation: Sequence[str], production: Sequence[str]) -> Both:
    """Return how many in a hundred of each text's words no other text of the evaluation set has.

    A text of the evaluation set is left out of what it is held against, so that the two are alike without a shift (the
    leave-one-out estimate of Good, Biometrika 40 (1953) 237, of the chance of an unseen word).
    """
    import pandas as pd

    words = [[WORD.findall(text.lower()) for text in texts] for texts in (evaluation, production)]
    texts_with = Counter(word for found in words[0] for word in set(found))

    def percent(found: list[str], seen_from: int) -> float:
        return 100 * sum(texts_with[word] < seen_from for word in found) / len(found) if found else 0.0

    return Both(*(pd.Series([percent(found, own) for found in each]) for each, own in zip(words, (2, 1), strict=True)))


def _few(values: pd.Series[Any], most: int) -> bool:
    known = values.dropna().map(_plain)
    return known.nunique() <= min(most, len(known) / REPEATED)


def _categories(values: pd.Series[Any], kind: str) -> pd.Series[Any]:
    plain = values.astype(object).map(_plain, na_action="ignore")
    return plain.where(kinds_of(values) == kind, OTHER_KIND).where(values.notna(), MISSING).reset_index(drop=True)


def _each(both: Both, kind: str, number: Callable[[Any], float]) -> Both:
    """Return a number of each value, the lowest of all where it is missing, of another kind or not finite."""
    import pandas as pd

    def numbers(values: pd.Series[Any]) -> pd.Series[Any]:
        known = zip(values.astype(object), kinds_of(values) == kind, strict=True)
        found = np.array([number(value) if right else NOTHING for value, right in known], dtype=np.float64)
        return pd.Series(np.where(np.isfinite(found), found, NOTHING))

    return Both(*(numbers(values) for values in both))


def _plain(value: Any) -> str:
    """Return a value as text, a whole number alike from integers and floats."""
    if isinstance(value, (bool, np.bool_, str)):
        return str(value)
    if isinstance(value, (int, float, np.number)):
        return str(int(value)) if float(value).is_integer() else str(float(value))
    return text_of(value) or ""


def _sizes(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return the size of each image in words, and of what is none that it is not."""
    import pandas as pd

    def size(value: Any) -> str:
        image = image_of(value)
        return OTHER_KIND if image is None else size_in_words(image.shape)

    present = values.notna()
    return pd.Series(
        [size(value) if there else MISSING for value, there in zip(values.astype(object), present, strict=True)]
    )


def _mean(values: Any) -> float:
    array = array_of(values)
    return NOTHING if array is None or not array.size else float(array.mean())


def _spread(values: Any) -> float:
    array = array_of(values)
    return NOTHING if array is None or not array.size else float(array.std())


def _seconds(value: Any) -> float:
    import pandas as pd

    return pd.Timestamp(value).timestamp()
