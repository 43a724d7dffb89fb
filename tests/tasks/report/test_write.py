"""The report as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.report_pages import MOST_BYTES, PLOTS

from tasks.core.run_folder import RunFolder
from tasks.report.write import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.verdicts import Decision
    from tasks.evidence import Evidence


def test_report_is_one_small_file_beside_its_plots(launched: tuple[Evidence, Decision], tmp_path: Path) -> None:
    """The report is the page that was asked for, under 3 MB, and each plot as a file of its own."""
    out = write_report(*launched, RunFolder(tmp_path / "run"))
    assert out == tmp_path / "run" / "report.html"
    assert 20_000 < out.stat().st_size < MOST_BYTES
    assert sorted(path.name for path in (tmp_path / "run" / "plots").iterdir()) == sorted(f"{n}.svg" for n in PLOTS)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"report.html", "plots"}
