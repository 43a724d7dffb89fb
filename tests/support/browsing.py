"""A page opened offline in a real browser, and what it said and asked for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

PHONE, SMALLEST, TABLET, DESK = (390, 844), (360, 640), (800, 1000), (1280, 800)


@contextmanager
def opened(
    browser: Browser, file: Path, size: tuple[int, int] = DESK, scheme: Any = "light"
) -> Iterator[tuple[Page, list[str], list[str]]]:
    """Open a page offline; yields the page, what it said on the console, and the addresses that it asked for."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, offline=True)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri(), wait_until="load")
    try:
        yield page, said, asked
    finally:
        context.close()
