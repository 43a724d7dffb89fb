"""A launch that was promoted and one that was rejected, with their pages and plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.report_example import launch
from support.report_pages import html

from tasks.report.plots import gallery as plots

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision
    from tasks.evidence import Evidence
    from tasks.report.plots.gallery import Plot


@pytest.fixture(scope="session", params=["promote", "reject"])
def launched(request: pytest.FixtureRequest) -> tuple[Evidence, Decision]:
    """Return a launch that was promoted, and one that was rejected."""
    return launch(request.param)


@pytest.fixture(scope="session")
def shown(launched: tuple[Evidence, Decision]) -> str:
    """Return the page of each launch."""
    return html(*launched)


@pytest.fixture(scope="session")
def rejected() -> tuple[Evidence, Decision]:
    """Return a launch that was rejected."""
    return launch("reject")


@pytest.fixture(scope="session")
def drawn(rejected: tuple[Evidence, Decision]) -> list[Plot]:
    """Return the plots of the launch that was rejected."""
    return plots.all_plots(*rejected)
