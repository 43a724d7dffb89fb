"""The report of a launch: one HTML page that needs nothing else, its plots as files, and the table on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.evidence import Evidence
    from tasks.records import Decision

HERE = Path(__file__).parent


def write_report(evidence: Evidence, decision: Decision, out: Path) -> Path:
    """Write the report to `out` and each plot to `plots/NAME.svg` beside it; return `out`.

    The requests to read come from the file beside `out` that the launch wrote. The page is self-contained: no script, no
    font, no image, no address is fetched. Limits are those that the decision was held to, as its checks carry them.
    """
    from tasks.report.page import page
    from tasks.report.plots import all_plots, save
    from tasks.review import REVIEW_FILE, read_review

    plots = all_plots(evidence, decision)
    out.parent.mkdir(parents=True, exist_ok=True)
    save(plots, out.parent / "plots")
    out.write_text(page(evidence, decision, plots, read_review(out.parent / REVIEW_FILE)), encoding="utf-8")
    return out
