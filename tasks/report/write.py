"""The report's files: the page, and each plot beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.run_folder import RunFolder
    from tasks.core.verdicts import Decision
    from tasks.evidence import Evidence


def write_report(evidence: Evidence, decision: Decision, folder: RunFolder) -> Path:
    """Write the report and each of its plots into the run's folder; return the page's path.

    The requests to read come from the file that the launch wrote there. The page is self-contained: no script, no font,
    no image, no address is fetched. Limits are those that the decision was held to, as its checks carry them.
    """
    from tasks.evaluation.review import read_review
    from tasks.report.page import page
    from tasks.report.plots.gallery import all_plots, save

    plots = all_plots(evidence, decision)
    folder.path.mkdir(parents=True, exist_ok=True)
    save(plots, folder.plots)
    folder.report.write_text(page(evidence, decision, plots, read_review(folder.review)), encoding="utf-8")
    return folder.report
