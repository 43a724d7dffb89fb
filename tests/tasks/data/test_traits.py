"""What is told of a request from its inputs alone."""

from __future__ import annotations

import pandas as pd
import pytest

from tasks.core.records import Columns
from tasks.data.traits import describe, format_of, languages, length

COLUMNS = Columns(id="id", time="ts", label="label", input=("text",), status="status", slices=("source",))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Please <b>help</b> me", "markup"),
        ("see [the page](/a)", "markup"),
        ("a < b and b > c", "plain"),
        ("look at https://example.org/x?a=1", "link"),
        ("www.example.org is down", "link"),
        ("this is great \U0001f600", "emoji"),
        ("soooo good", "chat"),
        ("thx, u rock", "chat"),
        ("what a day :-)", "chat"),
        ("@someone please answer", "chat"),
        ("Why?! Why??", "chat"),
        ("The committee agreed on the budget for next year.", "plain"),
        ("It is 3:30 (or later).", "plain"),
        ("C# and A* are names", "plain"),
        ("", "plain"),
    ],
)
def test_format_is_the_first_sign_that_a_text_shows(text: str, found: str) -> None:
    """Markup before links before emoji before chat; ordinary punctuation is none of them."""
    assert format_of(text) == found


@pytest.mark.parametrize(
    ("size", "bucket"),
    [(0, "0"), (1, "1 to 20"), (20, "1 to 20"), (21, "21 to 40"), (1_280, "641 to 1280"), (1_281, "over 1280")],
)
def test_length_is_a_bucket_of_characters(size: int, bucket: str) -> None:
    """A bucket's upper end belongs to it."""
    assert length("x" * size) == bucket


def test_languages_are_told_where_there_is_enough_to_tell() -> None:
    """A few letters say nothing of a language."""
    texts = [
        "The weather was fine, so we walked along the river until evening.",
        "Das Wetter war schön, also gingen wir bis zum Abend am Fluss entlang.",
        "Il faisait beau, alors nous avons marché le long de la rivière.",
        "ok :)",
        "12345 67890 12345 67890",
    ]
    assert languages(texts) == ["en", "de", "fr", "too short to tell", "too short to tell"]


def test_every_row_has_every_trait(tiny_rows: pd.DataFrame) -> None:
    """Missing inputs and times have traits too, and rows keep their order."""
    found = describe(tiny_rows, COLUMNS)
    assert list(found.columns) == ["length", "format", "language", "week"]
    assert found.notna().all(axis=None)
    assert list(found["week"]) == ["from 2026-03-02", "from 2026-03-02", "from 2026-03-09", "(none)"]
    assert list(found["length"]) == ["41 to 80", "1 to 20", "0", "1 to 20"]


def test_a_column_of_the_log_is_not_told_again(tiny_rows: pd.DataFrame) -> None:
    """A declared slice of the same name says it better."""
    columns = COLUMNS.model_copy(update={"slices": ("language",)})
    assert "language" not in describe(tiny_rows.assign(language="en"), columns)


def test_inputs_without_text_have_a_time_and_nothing_else() -> None:
    """Numbers have no language."""
    rows = pd.DataFrame({"a": [1.0, None], "ts": pd.to_datetime(["2026-03-02", "2026-03-03"], utc=True)})
    assert list(describe(rows, COLUMNS.model_copy(update={"input": ("a",)})).columns) == ["week"]


@pytest.fixture
def tiny_rows() -> pd.DataFrame:
    """Return four rows: two ordinary ones, one without its text and one without its time."""
    return pd.DataFrame(
        {
            "text": ["The parcel came late and the box was open.", "fine", None, "also fine"],
            "ts": pd.to_datetime(["2026-03-02T00:00Z", "2026-03-08T23:59Z", "2026-03-09T00:00Z", None], utc=True),
        }
    )
