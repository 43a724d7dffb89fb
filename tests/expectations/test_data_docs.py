"""Data Docs: Great Expectations' own page, which loads nothing, shows every outcome, and no value of a row."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from support.quality_example import COLUMNS, ROWS, evaluation_set, log, planted, production

from expectations.validate import validate_evaluation

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evidence import ValidationEvidence

EMAIL, PHONE, SECRET = "jane.doe@example.com", "+1 415 555 2671", "https://example.com/reset?token=qN7fJ2xWv9"
PERSONAL = (EMAIL, "jane.doe", PHONE, "555 2671", "qN7fJ2xWv9")
HOSTILE = "<script>alert('x')</script>"
OUTCOMES = {"fa-check-circle": "holds", "fa-times": "fails", "fa-exclamation-triangle": "raised"}


class Seen(HTMLParser):
    """What a browser would load of a page, the elements that could run, and the rows of its tables as cells of text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.rows: list[list[str]] = []
        self._depth = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element; a table within a cell belongs to the cell."""
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self._depth += tag == "table"
        if self._depth == 1 and tag == "tr":
            self.rows.append([])
        if self._depth == 1 and tag in ("td", "th"):
            self.rows[-1].append("")
        icon = next((OUTCOMES[name] for name in (dict(attrs).get("class") or "").split() if name in OUTCOMES), "")
        if self._depth and icon:
            self.handle_data(icon)

    def handle_endtag(self, tag: str) -> None:
        """Leave a table."""
        self._depth -= tag == "table"

    def handle_data(self, data: str) -> None:
        """Add text to its cell."""
        if self._depth and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def outcomes(self) -> list[tuple[str, str, str]]:
        """Return status, sentence and severity of every expectation, sorted."""
        cells = ([" ".join(cell.split()) for cell in row] for row in self.rows if len(row) == 5)
        return sorted((row[0], row[3], row[4]) for row in cells if row[0] != "Status")


def page(evidence: ValidationEvidence, out: Path) -> str:
    """Return the page that a validation wrote."""
    return (out / evidence.page).read_text()


def told(evidence: ValidationEvidence) -> list[tuple[str, str, str]]:
    """Return status, sentence and severity of every result, sorted."""
    status = {True: "holds", False: "fails"}
    return sorted((status[each.success], " ".join(each.because.split()), each.severity) for each in evidence.results)


FAULTS: dict[str, tuple[str, float, Any]] = {
    "nothing": ("status", 0, None),
    "nulls in the input": ("text", 0.1, None),
    "a status with markup": ("status", 0.1, "<b>$broken</b> & more"),
    "another type of input": ("text", 0.1, [1, 2]),
    "labels of another type": ("label", 1, 1),
    "no status at all": ("status", 1, None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_expectation_is_shown_with_its_outcome_sentence_and_severity(fault: str, tmp_path: Path) -> None:
    """What the gate is told stands on the page, no more and no less."""
    evidence = production(planted(*FAULTS[fault])(log()), tmp_path)
    assert Seen(page(evidence, tmp_path)).outcomes() == told(evidence)
    assert len(evidence.results) > 20


def test_the_evaluation_set_has_a_page_of_its_own(tmp_path: Path) -> None:
    """Named for the data set, with the counts of what failed."""
    evidence = validate_evaluation(evaluation_set().assign(label="positive"), COLUMNS, tmp_path)
    text = page(evidence, tmp_path)
    assert evidence.page == "data-docs-evaluation.html"
    assert "Data Docs: Evaluation set" in text
    assert "100 rows: 1 critical failure, 0 warnings." in text
    assert Seen(text).outcomes() == told(evidence)


def test_an_expectation_that_raised_says_so(tmp_path: Path) -> None:
    """With its message, and without the stack of the library."""
    rows = log()
    rows["copies"] = [1, "two"] * (ROWS // 2)
    text = page(production(rows, tmp_path), tmp_path)
    assert [status for status, *_ in Seen(text).outcomes()].count("raised") == 2
    assert "raised an exception" in text
    assert "Traceback" not in text


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    """One file, for a reader without a network: links lead within it, and what a user logged stays text."""
    rows = planted("status", 0.1, HOSTILE)(log())
    rows.loc[0, "request_id"] = HOSTILE
    text = page(production(rows, tmp_path), tmp_path)
    seen = Seen(text)
    assert seen.tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"})
    assert seen.handlers == []
    assert seen.addresses
    assert all(address.startswith("#") for address in seen.addresses)
    assert re.findall(r"@import|url\(|https?://", text) == []
    assert HOSTILE not in text
    assert HOSTILE in html.unescape(text)


def test_personal_data_in_failing_rows_is_not_on_the_page_and_their_ids_are(tmp_path: Path) -> None:
    """Whatever column it was logged in, as text or within a list, in the sentence as in Great Expectations' own table."""
    rows = log()
    note = f"write to {EMAIL}, call {PHONE} or open {SECRET}"
    rows.loc[:5, "text"] = rows.loc[:5, "text"].map(lambda _: [note])
    rows.loc[10:15, "status"] = note
    rows.loc[20:25, "label"] = note
    rows.loc[30:35, "ts"] = note
    rows.loc[40, "request_id"] = rows.loc[41, "request_id"] = EMAIL
    text = html.unescape(page(production(rows, tmp_path), tmp_path))
    assert [each for each in PERSONAL if each in text] == []
    assert "values are not shown" in text
    assert all(f"r{row}, " in text for row in (0, 4, 10, 14, 20, 24, 30, 34))
    assert "[email], [email]" in text


def test_the_few_rows_that_an_expectation_allows_are_not_shown_either(tmp_path: Path) -> None:
    """Great Expectations lists their values even where it holds."""
    rows = planted("status", 0.005, EMAIL)(log())
    evidence = production(rows, tmp_path)
    text = html.unescape(page(evidence, tmp_path))
    assert all(result.success for result in evidence.results)
    assert "2 of 400 rows (0.5%) are exceptions" in text
    assert [each for each in (*PERSONAL, "Unexpected Value") if each in text] == []


def test_a_repeated_input_is_counted_and_quoted_masked_at_most(tmp_path: Path) -> None:
    """Great Expectations lists the values that repeat, which here are what people wrote."""
    rows = evaluation_set()
    rows.loc[:9, "text"] = f"write to {EMAIL}"
    text = html.unescape(page(validate_evaluation(rows, COLUMNS, tmp_path), tmp_path))
    assert EMAIL not in text
    assert text.count("write to") == text.count("for example 'write to [email]'") == 1
    assert "e0, e1, e2" in text
    assert "10 unexpected values found" in re.sub(r"<[^>]*>", "", text)


def test_labels_that_hold_personal_data_are_masked_in_what_is_asked(tmp_path: Path) -> None:
    """The classes of the evaluation set are settings of an expectation, and part of its sentence."""
    evidence = production(log(), tmp_path, evaluation_set((EMAIL, PHONE, "positive")))
    text = html.unescape(page(evidence, tmp_path))
    assert [each for each in PERSONAL if each in text] == []
    assert "[phone]" in text


def test_ids_beyond_the_first_are_counted(tmp_path: Path) -> None:
    """Great Expectations lists ten and says how many there are."""
    text = page(production(planted("status", 0.1, "broken")(log()), tmp_path), tmp_path)
    assert re.search(r"40.{0,200}r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, \.\.\.", text, re.DOTALL)
