"""What a watch or a revalidation of a live model ends with on a terminal: the verdict first, then what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from tasks.core.verdicts import WORST_FIRST
from tasks.evidence import Unmeasured
from tasks.report.numbers import count, moment, quantity
from tasks.report.terminal import INDENT, NOTHING, STYLES, line, signs_of, width_of

if TYPE_CHECKING:
    from rich.console import Console

    from tasks.monitoring.revalidation import Revalidation
    from tasks.monitoring.watch import Watch


def print_watch(verdict: Watch, console: Console) -> None:
    """Print the verdict, a row a check with what was seen and what it is held to, and why what did not pass did not."""
    line(console, verdict.sentence(), "bold green" if verdict.outcome == "steady" else "bold red")
    line(console, f"{verdict.model} version {verdict.version} ({verdict.variant})", "dim")
    window = f"{moment(verdict.since)} to {moment(verdict.until)}"
    line(console, f"{count(verdict.requests)} requests of production, {window}", "dim")
    line(console, "")
    signs, table = signs_of(console), Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("check", "", "seen", "held to"):
        table.add_column(head, no_wrap=True)
    for check in verdict.checks:
        label = f"{check.gate} (warns)" if check.severity == "warn" else check.gate
        seen, limit = (
            NOTHING if value is None else quantity(value, check.unit) for value in (check.observed, check.limit)
        )
        table.add_row(Text(label), Text(f"{signs[check.outcome]} {check.outcome}", STYLES[check.outcome]), seen, limit)
    console.print(table, width=width_of(console))
    line(console, "")
    told = verdict.reasons[0]
    sentences = [
        check
        for check in verdict.checks
        if check.outcome != "pass" and told not in {check.because, f"{check.gate}: {check.because}"}
    ]
    for check in sorted(sentences, key=lambda each: (each.severity != "block", WORST_FIRST.index(each.outcome))):
        line(console, f"{signs[check.outcome]} {check.gate}: {check.outcome}", STYLES[check.outcome])
        line(console, check.because, indent=INDENT)
        line(console, "")
    for note in verdict.notes:
        line(console, f"Note: {note}", "yellow")


def print_revalidation(verdict: Revalidation, console: Console, *, verbose: bool = False) -> None:
    """Print the verdict in a sentence; `verbose` adds every reason, and everything that is not as it was."""
    style = "bold green" if verdict.outcome == "keep" else "bold red"
    line(console, verdict.sentence(), style)
    if not verbose:
        if verdict.run_id is not None:
            line(console, "--verbose shows every reason and every change", "dim")
        return
    for title, found in {
        "reasons": verdict.reasons,
        "packages that changed": verdict.packages,
        "machine": verdict.machine,
        "gates with another outcome": verdict.gates,
        "recorded answers": _replays(verdict),
    }.items():
        if found:
            line(console, "")
            line(console, title, "bold")
            for each in found:
                line(console, str(each), indent=INDENT)


def _replays(verdict: Revalidation) -> list[str]:
    """Return how the recorded answers stand to those of each graph."""
    said = []
    for graph, found in {"recorded graph": verdict.recorded_graph, "new graph": verdict.new_graph}.items():
        if isinstance(found, Unmeasured):
            said.append(f"{graph}: unmeasured: {found.why}")
        elif found is not None:
            what = found.difference.error or f"{found.difference.flips} of {found.difference.rows} decisions differ"
            said.append(f"{graph}: {what}")
    return said
