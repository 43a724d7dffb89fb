"""Data Docs in a real browser: quiet, offline, readable on a phone, with every fault in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.browsing import DESK, PHONE, SMALLEST, TABLET, opened
from support.quality_example import COLUMNS, ROWS, evaluation_set, log, planted, production

from expectations.validate import validate_evaluation

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.server

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of a log with nulls, unknown statuses, long ids and an expectation that raises."""
    folder = tmp_path_factory.mktemp("broken")
    rows = planted("text", 0.1, None)(planted("status", 0.1, HOSTILE)(log()))
    rows["copies"] = [1, "two"] * (ROWS // 2)
    rows["request_id"] = [f"{row:064d}" for row in range(ROWS)]
    rows.loc[0, "request_id"] = HOSTILE
    return folder / production(rows, folder).page


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of a sound evaluation set."""
    folder = tmp_path_factory.mktemp("sound")
    return folder / validate_evaluation(evaluation_set(), COLUMNS, folder).page


def test_page_is_quiet_and_asks_for_nothing(browser: Browser, broken: Path, sound: Path) -> None:
    """The browser loads one file and no more, and has nothing to complain about, whatever was logged."""
    for file in (broken, sound):
        with opened(browser, file) as (page, said, asked):
            page.wait_for_timeout(200)
            assert asked == [file.as_uri()]
            assert said == []


@pytest.mark.parametrize("size", [SMALLEST, PHONE, TABLET, DESK])
def test_page_never_scrolls_sideways(browser: Browser, broken: Path, size: tuple[int, int]) -> None:
    """At any width from 360 pixels, with ids of 64 characters."""
    with opened(browser, broken, size) as (page, _, _):
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        cut = page.evaluate(
            """() => [...document.querySelectorAll('main td > .show-scrollbars')]
                 .filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.innerText)"""
        )
        assert cut == []


@pytest.mark.parametrize("size", [SMALLEST, DESK])
def test_counts_and_status_are_seen_first(browser: Browser, broken: Path, size: tuple[int, int]) -> None:
    """Without scrolling, a reader sees which data set it is, and how much is broken."""
    with opened(browser, broken, size) as (page, _, _):
        for told in ("Data Docs: Production sample", "400 rows: 4 critical failures, 1 warning."):
            box = page.get_by_text(told, exact=True).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= size[1]


def test_what_holds_is_hidden_on_request(browser: Browser, broken: Path) -> None:
    """By keyboard too, and without a script; a column where all holds goes as a whole."""
    with opened(browser, broken) as (page, _, _):
        holds, fails = (
            page.locator("main .fa-check-circle"),
            page.locator("main td .text-danger.fas, main td .text-warning"),
        )
        assert holds.first.is_visible()
        page.get_by_label("Failed only").press("Space")
        assert not any(each.is_visible() for each in holds.all())
        assert all(each.is_visible() for each in fails.all())
        assert fails.count() == 5
        assert not page.get_by_role("heading", name="request_id", exact=True).is_visible()
        assert page.get_by_role("heading", name="status", exact=True).is_visible()


def test_dark_and_light_follow_the_reader(browser: Browser, broken: Path) -> None:
    """In dark, the ground is dark and the text is light."""
    for scheme, darker in (("light", "color"), ("dark", "backgroundColor")):
        with opened(browser, broken, scheme=scheme) as (page, _, _):
            tones = page.evaluate(
                """() => Object.fromEntries(['color', 'backgroundColor'].map(name => [name,
                     getComputedStyle(document.body)[name].match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)]))"""
            )
            assert min(tones, key=tones.get) == darker
