"""Two launches side by side on a terminal: gates that changed, and what differs in the headline numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from tasks.report.forecast import Measure, forecast
from tasks.report.numbers import quantity
from tasks.report.terminal import INDENT, NOTHING, line, width_of

if TYPE_CHECKING:
    from rich.console import Console

    from tasks.core.verdicts import Decision, Outcome
    from tasks.evidence import Evidence


def print_comparison(a: Decision, evidence_a: Evidence, b: Decision, evidence_b: Evidence, console: Console) -> None:
    """Print how run b differs from run a: the outcome, gates that changed, and headline numbers side by side."""
    line(console, f"a  {_run(a)}")
    line(console, f"b  {_run(b)}")
    for what, before, after in _digests(a, evidence_a, b, evidence_b):
        state = "the same" if before == after else "not the same"
        line(console, f"   {what}: {state}", "dim" if before == after else "yellow")
    changes = _changes(a, b)
    line(console, "")
    line(console, "Gates that changed" if changes else "No gate changed its outcome.", "bold" if changes else "")
    for change in changes:
        where = f"{change.gate} ({change.variant})" if change.variant else change.gate
        line(console, f"{where}: {change.before or 'absent'} → {change.after or 'absent'}")
        if change.because:
            line(console, change.because, "dim", indent=INDENT)
    line(console, "")
    console.print(_headlines(evidence_a, evidence_b), width=width_of(console))
    line(console, "")
    same = (a.outcome, a.variant) == (b.outcome, b.variant)
    line(console, f"{'Same decision' if same else 'Decision changed'}: {_verdict(a)} → {_verdict(b)}", "bold")


class Change(NamedTuple):
    """A gate whose outcome is another one in the second run; None where a run does not have it."""

    gate: str
    variant: str | None
    before: Outcome | None
    after: Outcome | None
    because: str


def _changes(a: Decision, b: Decision) -> list[Change]:
    before = {(result.gate, result.variant): result for result in a.gates}
    after = {(result.gate, result.variant): result for result in b.gates}
    changes = []
    for key in dict.fromkeys([*before, *after]):
        was = before[key].outcome if key in before else None
        now = after[key].outcome if key in after else None
        if was != now:
            because = after[key].because if now not in (None, "pass") else ""
            changes.append(Change(*key, was, now, because))
    return changes


def _headlines(a: Evidence, b: Evidence) -> Table:
    """Return the headline numbers of both runs, a row a variant and measure; a variant of one run only has dashes."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("variant")
    table.add_column("measure")
    for head in ("a", "b", "b - a"):
        table.add_column(head, justify="right", no_wrap=True)
    sides = [{each.name: {m.name: m for m in forecast(each, side.task)} for each in side.variants} for side in (a, b)]
    for variant in dict.fromkeys([*sides[0], *sides[1]]):
        old, new = (side.get(variant, {}) for side in sides)
        for name, known in (new or old).items():
            before, after = old.get(name), new.get(name)
            texts = [measure.text if measure else NOTHING for measure in (before, after)]
            first = name == next(iter(new or old))
            table.add_row(Text(variant if first else ""), Text(known.label), *texts, _difference(before, after))
    return table


def _difference(before: Measure | None, after: Measure | None) -> str:
    if before is None or after is None or before.value is None or after.value is None:
        return NOTHING
    difference = after.value - before.value
    if not difference:
        return "0"
    sign = "+" if difference > 0 else "-"
    if after.unit == "share":
        return f"{sign}{abs(100 * difference):.1f} points"
    relative = f" ({100 * difference / before.value:+.0f}%)" if before.value else ""
    return f"{sign}{quantity(abs(difference), after.unit)}{relative}"


def _digests(a: Decision, seen_a: Evidence, b: Decision, seen_b: Evidence) -> list[tuple[str, str, str]]:
    return [
        ("candidate", a.candidate_sha256, b.candidate_sha256),
        ("policy", a.policy.sha256, b.policy.sha256),
        ("environment", seen_a.environment.sha256, seen_b.environment.sha256),
    ]


def _run(decision: Decision) -> str:
    when = decision.decided_at.strftime("%Y-%m-%d %H:%M")
    return f"{_verdict(decision)}  {decision.candidate}, {when}, run {decision.run_id}"


def _verdict(decision: Decision) -> str:
    return decision.outcome if decision.variant is None else f"{decision.outcome} {decision.variant}"
