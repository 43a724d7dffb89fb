"""Pages of launches as a browser would see them, and launches that lack something."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tasks.evidence import Evidence, Slice, Tally, Unmeasured
from tasks.report.page import page
from tasks.report.plots import gallery as plots

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision

MOST_BYTES = 3_000_000
PLOTS = [
    "evaluation-production",
    "latency",
    "under-load",
    "latency-by-rate",
    "slices",
    "cost",
    "reliability",
    "risk-coverage",
    "latency-by-batch",
    "throughput-by-batch",
    "cold-start",
    "memory-by-batch",
    "memory-soak",
]
VOID = {"meta", "br", "input", "link", "img", "hr"}


class Page(HTMLParser):
    """What a browser would see of a page: elements with their attributes, and the text outside of style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close an element; what was opened inside it must be closed by now."""
        if tag not in VOID and tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Gather text."""
        if "style" not in self._open:
            self.text += f" {data}"

    def values(self, attribute: str) -> list[str]:
        """Return every value of an attribute, in order."""
        return [attrs[attribute] or "" for _, attrs in self.elements if attribute in attrs]

    @property
    def words(self) -> str:
        """The text with each run of blanks as one."""
        return " ".join(self.text.split())


def html(evidence: Evidence, decision: Decision) -> str:
    """Return the page of a launch."""
    return page(evidence, decision, plots.all_plots(evidence, decision))


def words(launched: tuple[Evidence, Decision]) -> str:
    """Return the text of a launch's page without its plots."""
    return Page(page(*launched, [])).words


def with_slices(evidence: Evidence, slices: tuple[Slice, ...]) -> Evidence:
    """Return evidence whose variants have other slices in production."""
    variants = []
    for each in evidence.variants:
        assert not isinstance(each.evaluation, Unmeasured)
        production = each.evaluation.production.model_copy(update={"slices": slices})
        evaluation = each.evaluation.model_copy(update={"production": production})
        variants.append(each.model_copy(update={"evaluation": evaluation}))
    return evidence.model_copy(update={"variants": tuple(variants)})


def parsed(svg: str) -> ET.Element:
    """Return the tree of a plot; raises where it is not XML."""
    return ET.fromstring(svg)  # noqa: S314  written by this test


def tally(rows: int, correct: int = 100) -> Tally:
    """Return a tally with a label on every row."""
    return Tally.counted(rows=rows, labelled=rows, correct=correct, abstained=0, errors=0)
