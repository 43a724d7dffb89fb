"""What can be told of a request from its inputs alone: language, length, format, and the week it came in.

Traits are the slices that nobody declared. They are told alike for the evaluation set and the production sample, so that
the two can be compared, and a log's own column of the same name is left to say it better.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tasks.data.column_types import common_kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from tasks.core.records import Columns

LENGTHS = (0, 20, 40, 80, 160, 320, 640, 1_280)  # characters; a bucket ends at each
MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-z]+|#\d+);|\[[^\]\n]+\]\(|^#{1,6} |\*\*\S|```", re.MULTILINE)
LINK = re.compile(r"(?:https?://|\bwww\.)\S", re.IGNORECASE)
EMOJI = re.compile("[\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]")
CHAT = re.compile(
    r"(?:^|\s)[@#]\w"  # handles and tags
    r"|[:;=8][-o']?[)(\]\[dDpP/\\|3](?=\s|$)|<3"  # emoticons
    r"|([^\W\d_])\1\1"  # a letter drawn out
    r"|[!?]{2}"
    r"|\b(?:u|ur|r|lol|lmao|omg|wtf|btw|idk|imo|thx|pls|plz|gonna|wanna|gotta|cuz|haha\w*)\b",
    re.IGNORECASE,
)
FORMATS = (("markup", MARKUP), ("link", LINK), ("emoji", EMOJI), ("chat", CHAT))
PLAIN = "plain"
NONE = "(none)"
NO_LANGUAGE = re.compile(r"(?:https?://|\bwww\.|[@#])\S*", re.IGNORECASE)  # links, handles and tags
FEWEST_LETTERS = 20  # fewer say next to nothing of a language
UNSURE = "too short to tell"


def describe(rows: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Return a trait a column, one row a row of `rows`, each value a text.

    `length`, `format` and `language` are of the inputs that hold text, taken together; without any there are none.
    `week` starts on the Monday of a row's time in UTC, where the rows have times.
    """
    import pandas as pd

    found: dict[str, Sequence[str]] = {}
    names = [name for name in columns.input if name in rows and common_kind(rows[name]) == "text"]
    if names:
        texts = joined(rows[names])
        found["length"] = [length(text) for text in texts]
        found["format"] = [format_of(text) for text in texts]
        found["language"] = languages(texts)
    if columns.time in rows:
        found["week"] = _weeks(rows[columns.time])
    declared = {*columns.slices, columns.label, columns.id}
    return pd.DataFrame({name: values for name, values in found.items() if name not in declared}, index=rows.index)


def traits_file(rows: Path) -> Path:
    """Return where the traits of the rows of a Parquet file are kept."""
    return rows.with_name(f"{rows.stem}-traits.parquet")


def write_traits(rows: Path, columns: Columns) -> Path:
    """Describe the rows of a Parquet file, keep the traits beside it and return where."""
    import pandas as pd

    path = traits_file(rows)
    describe(pd.read_parquet(rows), columns).to_parquet(path, index=False)
    return path


def length(text: str) -> str:
    """Return the bucket of a text's length in characters, in words that sort."""
    size = len(text)
    for fewest, most in pairwise(LENGTHS):
        if size <= most:
            return f"{fewest + 1} to {most}" if size else "0"
    return f"over {LENGTHS[-1]}"


def format_of(text: str) -> str:
    """Return the first of markup, link, emoji and chat of which the text has a sign, else plain."""
    return next((name for name, sign in FORMATS if sign.search(text)), PLAIN)


def languages(texts: Sequence[str]) -> list[str]:
    """Return the ISO 639-1 code of each text's likeliest language; of one with few letters, that it can't be told."""
    import py3langid

    words = [NO_LANGUAGE.sub(" ", text) for text in texts]
    return [py3langid.classify(text)[0] if sum(map(str.isalpha, text)) >= FEWEST_LETTERS else UNSURE for text in words]


def joined(inputs: pd.DataFrame) -> list[str]:
    """Return the texts of each row as one, what is missing or no text left out."""
    filled = inputs.astype(object).where(inputs.notna(), "")
    return [" ".join(value for value in row if isinstance(value, str)) for row in filled.itertuples(index=False)]


def _weeks(times: pd.Series[Any]) -> list[str]:
    import pandas as pd

    known = pd.to_datetime(times, utc=True, errors="coerce")
    mondays = known.dt.normalize() - pd.to_timedelta(known.dt.day_of_week, unit="D")
    return mondays.dt.strftime("from %Y-%m-%d").fillna(NONE).tolist()
