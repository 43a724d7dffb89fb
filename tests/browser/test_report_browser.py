"""The report in a real browser: quiet, offline, readable on a phone, in light and in dark, and operable by keyboard."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from support.browsing import DESK, PHONE, SMALLEST, TABLET, opened
from support.report_example import HOSTILE, launch
from support.review_example import write_review

from tasks.core.run_folder import RunFolder
from tasks.report.write import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.server

SMALLEST_TEXT_PX = 8
BRIGHT, DIM = 600, 200  # sums of red, green and blue


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the report of a promoted and of a rejected launch."""
    folder = tmp_path_factory.mktemp("reports")
    for outcome in ("promote", "reject"):
        write_review(folder / outcome)
    return {
        "promote": write_report(*launch("promote"), RunFolder(folder / "promote")),
        "reject": write_report(*launch("reject"), RunFolder(folder / "reject")),
    }


@pytest.mark.parametrize("outcome", ["promote", "reject"])
def test_page_is_quiet_and_asks_for_nothing(browser: Browser, reports: dict[str, Path], outcome: str) -> None:
    """The browser loads one file and no more, and has nothing to complain about."""
    with opened(browser, reports[outcome]) as (page, said, asked):
        page.wait_for_timeout(200)
        assert asked == [reports[outcome].as_uri()]
        assert said == []


@pytest.mark.parametrize("size", [SMALLEST, PHONE, TABLET, DESK])
def test_page_never_scrolls_sideways(browser: Browser, reports: dict[str, Path], size: tuple[int, int]) -> None:
    """With every fold open, at any width from 360 pixels, only tables in their own boxes are wider than the window."""
    with opened(browser, reports["reject"], size) as (page, _, _):
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate("document.body.scrollWidth") <= size[0]
        outside = page.evaluate(
            """width => [...document.querySelectorAll('main *:not(.hidden)')].filter(e =>
                 !e.closest('.box') && !e.closest('svg') && e.getBoundingClientRect().right > width + 1
               ).map(e => e.outerHTML.slice(0, 80))""",
            size[0],
        )
        assert outside == []


@pytest.mark.parametrize("size", [SMALLEST, TABLET, DESK])
def test_results_fit_without_scrolling_in_their_box(
    browser: Browser, reports: dict[str, Path], size: tuple[int, int]
) -> None:
    """Results, checks and key numbers fit any window, on a phone by restacking, so nothing is hidden at the side."""
    with opened(browser, reports["reject"], size) as (page, _, _):
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
        hidden = page.evaluate(
            """() => [...document.querySelectorAll('.box:has(> .stack)')]
                 .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.getAttribute('aria-label'))"""
        )
        assert hidden == []


@pytest.mark.parametrize(("outcome", "verdict"), [("promote", "Promote int8-static"), ("reject", "Reject")])
@pytest.mark.parametrize("size", [SMALLEST, DESK])
def test_verdict_is_seen_first(
    browser: Browser, reports: dict[str, Path], outcome: str, verdict: str, size: tuple[int, int]
) -> None:
    """Without scrolling, a reader sees the verdict and its first reason."""
    with opened(browser, reports[outcome], size) as (page, _, _):
        heading = page.get_by_role("heading", level=1)
        assert heading.inner_text().strip() == verdict
        reason = page.locator(".reasons li, .reason").first
        for element in (heading, reason):
            box = element.bounding_box()
            assert box is not None
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= size[1]


def test_dark_and_light_follow_the_reader(browser: Browser, reports: dict[str, Path]) -> None:
    """In dark the ground is dark and text is light, in the plots too; in light it is the other way round."""
    seen = {}
    for scheme in ("light", "dark"):
        with opened(browser, reports["promote"], scheme=scheme) as (page, _, _):
            seen[scheme] = page.evaluate(
                """() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
                     getComputedStyle(document.querySelector('figure svg text')).fill]
                     .map(colour => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"""
            )
    ground, ink, plot = zip(seen["light"], seen["dark"], strict=True)
    assert (ground[0] > BRIGHT, ground[1] < DIM) == (True, True)
    assert (ink[0] < DIM, ink[1] > BRIGHT) == (True, True)
    assert plot[0] < plot[1]


def test_every_gate_of_the_decision_is_visible(browser: Browser, reports: dict[str, Path]) -> None:
    """Each gate has its article, and the overview links to it."""
    decision = launch("reject")[1]
    with opened(browser, reports["reject"]) as (page, _, _):
        for gate in {result.gate for result in decision.gates}:
            article = page.locator(f"article[data-gate='{gate}']")
            assert article.is_visible()
            results = [result for result in decision.gates if result.gate == gate]
            assert article.locator(".box").first.locator("tbody tr").count() == len(results)
            assert page.locator(f".matrix a[href='#gate-{gate}']").inner_text() == gate
        page.locator(".matrix a[href='#gate-latency-slo']").click()
        page.wait_for_function(
            "() => Math.abs(document.getElementById('gate-latency-slo').getBoundingClientRect().top) < innerHeight"
        )


def test_checks_unfold_by_mouse_and_by_keyboard(browser: Browser, reports: dict[str, Path]) -> None:
    """The checks behind a gate are folded away until asked for, by click or by the Enter key."""
    with opened(browser, reports["reject"]) as (page, _, _):
        fold = page.locator("article[data-gate='latency-slo'] details")
        table = fold.locator("table")
        assert not table.is_visible()
        fold.locator("summary").click()
        assert table.is_visible()
        assert "p99.9" in table.inner_text()
        fold.locator("summary").press("Enter")
        assert not table.is_visible()


def test_plots_have_names_and_whole_labels(browser: Browser, reports: dict[str, Path]) -> None:
    """Each plot is an image with a name for those who do not see it, and no label is cut off in the page's own font."""
    with opened(browser, reports["reject"], PHONE) as (page, _, _):
        figures = page.locator("figure")
        for at in range(figures.count()):
            title = figures.nth(at).locator("h3").inner_text()
            assert page.get_by_role("img", name=title, exact=True).is_visible()
        cut = page.evaluate(
            """() => [...document.querySelectorAll('figure svg text')].filter(text => {
                 const own = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect()
                 return own.left < all.left - 1 || own.right > all.right + 1 || own.top < all.top - 1 ||
                   own.bottom > all.bottom + 1
               }).map(text => text.textContent)"""
        )
        assert cut == []
        smallest = page.evaluate(
            """() => Math.min(...[...document.querySelectorAll('figure svg text')].map(text =>
                 parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""
        )
        assert smallest >= SMALLEST_TEXT_PX


def test_headings_and_tables_are_told_to_screen_readers(browser: Browser, reports: dict[str, Path]) -> None:
    """Heading levels never skip one, every header cell has its scope, and an outcome is a word, not a colour alone."""
    with opened(browser, reports["reject"]) as (page, _, _):
        levels = page.evaluate("() => [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert page.locator("th:not([scope])").count() == 0
        badges = page.locator(".matrix .badge")
        assert badges.count() > 0
        for at in range(badges.count()):
            assert badges.nth(at).inner_text().strip() in ("pass", "fail", "inconclusive", "unmeasured")
            assert badges.nth(at).locator("svg[aria-hidden=true]").count() == 1


@pytest.mark.parametrize("size", [SMALLEST, DESK])
def test_requests_to_read_unfold_in_place(browser: Browser, reports: dict[str, Path], size: tuple[int, int]) -> None:
    """Groups are folded away, and each request is then read as a block: text, answers, and what unfolds of a long text."""
    with opened(browser, reports["reject"], size) as (page, said, _):
        group = page.locator("#review details.reading").first
        request = group.locator("li").nth(1)
        assert not request.is_visible()
        group.locator("summary").first.click()
        assert request.is_visible()
        whole = request.locator("details blockquote")
        assert not whole.is_visible()
        request.locator("summary").click()
        assert whole.is_visible()
        for block in (request.locator("blockquote").first, request.locator("dl").last):
            box = block.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
        assert request.locator("blockquote").first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 14
        assert said == []


def test_hostile_slice_is_shown_as_text(browser: Browser, reports: dict[str, Path]) -> None:
    """A slice named like a script is a label in the plot and in its table, and nothing runs."""
    with opened(browser, reports["reject"]) as (page, said, _):
        assert page.locator("script").count() == 0
        assert page.locator("figure svg text", has_text="<script>alert").count() == 1
        figure = page.locator("figure", has=page.get_by_role("heading", name="Accuracy by slice"))
        figure.locator("summary").click()
        assert f"length = {HOSTILE}" in figure.locator("table").inner_text()
        assert said == []
