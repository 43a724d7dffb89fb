"""The report's files: the page, and each plot beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.verdicts import Decision
    from tasks.evidence import Evidence


def write_report(evidence: Evidence, decision: Decision, out: Path) -> Path:
    """Write the report to `out` and each plot to `plots/NAME.svg` beside it; return `out`.

    The requests to read come from the file beside `out` that the launch wrote. The page is self-contained: no script, no
    font, no image, no address is fetched. Limits are those that the decision was held to, as its checks carry them.
    """
    from tasks.evaluation.review import REVIEW_FILE, read_review
    from tasks.report.page import page
    from tasks.report.plots.gallery import all_plots, save

    plots = all_plots(evidence, decision)
    out.parent.mkdir(parents=True, exist_ok=True)
    save(plots, out.parent / "plots")
    out.write_text(page(evidence, decision, plots, read_review(out.parent / REVIEW_FILE)), encoding="utf-8")
    return out
