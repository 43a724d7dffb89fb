"""The requests to read, on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.report_pages import MOST_BYTES, Page, words
from support.review_example import LONG, review_rows, write_review

from tasks.core.run_folder import RunFolder
from tasks.evaluation.review import read_review
from tasks.report.page import page
from tasks.report.review_section import LONGEST, passage

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.verdicts import Decision
    from tasks.evidence import Evidence
    from tasks.report.plots.gallery import Plot


def with_review(launched: tuple[Evidence, Decision], drawn: list[Plot], path: Path) -> str:
    """Return the page of a launch with the requests to read that are in a file."""
    return page(*launched, drawn, read_review(path))


def test_requests_to_read_are_on_the_page(
    rejected: tuple[Evidence, Decision], drawn: list[Plot], tmp_path: Path
) -> None:
    """Each request is there once, with its text, its label and every variant's answer, and markup in it is text."""
    write_review(tmp_path)
    shown = with_review(rejected, drawn, RunFolder(tmp_path).review)
    seen = Page(shown)
    for row in review_rows():
        assert seen.words.count(f" {row.id} · ") == 1
    assert "<script>alert('read')</script> & <b>bold</b>" in seen.text
    assert not {"script", "b"} & {tag for tag, _ in seen.elements}
    assert "Random (40)" in seen.words
    assert "int8-static positive 93.0% (wrong)" in seen.words
    assert "feedback not helpful" in seen.words
    assert "no value" in seen.words
    assert len(shown.encode()) < MOST_BYTES


def test_requests_that_are_not_beside_the_report_are_named(rejected: tuple[Evidence, Decision]) -> None:
    """A page that is made elsewhere says where they are."""
    assert "They are in review.jsonl of the run." in words(rejected)


@pytest.mark.parametrize("count", [1, 5000])
def test_many_long_texts_stay_within_the_page(
    rejected: tuple[Evidence, Decision], drawn: list[Plot], tmp_path: Path, count: int
) -> None:
    """However many and however long, the report stays under 3 MB, and it says what it leaves out."""
    first = review_rows()[0].model_copy(update={"inputs": {"text": "<&\"'" * 5000}})
    lines = [first.model_copy(update={"id": f"r{at}"}).model_dump_json() for at in range(count)]
    (RunFolder(tmp_path).review).write_text("\n".join(lines))
    shown = with_review(rejected, drawn, RunFolder(tmp_path).review)
    assert len(shown.encode()) < MOST_BYTES
    assert "characters are left out here" in shown


def test_many_columns_stand_in_lines(rejected: tuple[Evidence, Decision], drawn: list[Plot], tmp_path: Path) -> None:
    """Eighty numbers a request are shown by name, a long text among them on its own, and the report stays under 3 MB."""
    inputs = {"comment": "word " * 100, **{f"amount {at}": f"{at}.123456" for at in range(80)}}
    lines = [
        row.model_copy(update={"id": f"{row.id}-{copy}", "inputs": inputs}).model_dump_json()
        for row in review_rows()
        for copy in range(9)
    ]
    (RunFolder(tmp_path).review).write_text("\n".join(lines))
    shown = with_review(rejected, drawn, RunFolder(tmp_path).review)
    assert len(shown.encode()) < MOST_BYTES
    seen = Page(shown)
    assert "amount 79 79.123456" in seen.words
    assert " of 360)" in seen.words


def test_a_long_text_folds_between_words() -> None:
    """What is seen and what unfolds make up the text, and a text of one word folds too."""
    found = passage("text", LONG, LONGEST)
    assert found.head + found.tail == LONG[:LONGEST]
    assert found.left_out == max(0, len(LONG) - LONGEST)
    assert found.tail.startswith(" ")
    assert len(passage("text", "a" * 700, LONGEST).head) < 300
