"""What a launch ends with on a terminal: a table of outcomes, why what did not pass did not, and one line that says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from tasks.core.verdicts import WORST_FIRST
from tasks.report.forecast import Measure, forecast
from tasks.report.numbers import SIGNS, count, moment, printable, quantity

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from tasks.core.verdicts import Decision, GateResult, Outcome
    from tasks.evidence import Evidence
    from tasks.monitoring.watch import Watch

STYLES: dict[Outcome, str] = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "unmeasured": "dim"}
ASCII_SIGNS: dict[Outcome, str] = {"pass": "+", "fail": "x", "inconclusive": "?", "unmeasured": "-"}
INDENT = 2
NOTHING = "-"  # a terminal without Unicode has it too


def print_decision(decision: Decision, report: Path | None, console: Console) -> None:
    """Print a row a gate and a column a variant, then why what did not pass did not, then the verdict.

    A gate of the whole launch has its outcome under every variant, since it holds for each of them.
    """
    variants = list(dict.fromkeys(result.variant for result in decision.gates if result.variant is not None))
    names = list(dict.fromkeys(result.gate for result in decision.gates))
    line(console, f"{decision.candidate}, policy {decision.policy.name}, target {decision.target}", "dim")
    line(console, "")
    if decision.gates:
        console.print(_outcomes(decision, names, variants, console))
    _explain(decision, len(variants), console)
    promoted = decision.outcome == "promote"
    about = f"{decision.candidate} {decision.variant}" if promoted else decision.candidate
    main = decision.reasons[0] if decision.reasons else "no reason was given"
    line(console, f"{decision.outcome.upper()} {about}: {main}", "bold green" if promoted else "bold red")
    if report is not None:
        console.print(Text(f"Report: {report}"), soft_wrap=True)  # a path that is cut can't be opened


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
    console.print(_headlines(evidence_a, evidence_b))
    line(console, "")
    same = (a.outcome, a.variant) == (b.outcome, b.variant)
    line(console, f"{'Same decision' if same else 'Decision changed'}: {_verdict(a)} → {_verdict(b)}", "bold")


def print_watch(verdict: Watch, console: Console) -> None:
    """Print a row a check with what was seen and what it is held to, then why what did not pass did not, then the outcome."""
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
        table.add_row(Text(label), _cell(check.outcome, signs, words=True), seen, limit)
    console.print(table)
    line(console, "")
    sentences = [check for check in verdict.checks if check.outcome != "pass" and check.because != verdict.reasons[0]]
    for check in sorted(sentences, key=lambda each: (each.severity != "block", WORST_FIRST.index(each.outcome))):
        line(console, f"{signs[check.outcome]} {check.gate}: {check.outcome}", STYLES[check.outcome])
        line(console, check.because, indent=INDENT)
        line(console, "")
    for note in verdict.notes:
        line(console, f"Note: {note}", "yellow")
    line(console, verdict.sentence(), "bold green" if verdict.outcome == "steady" else "bold red")


class Change(NamedTuple):
    """A gate whose outcome is another one in the second run; None where a run does not have it."""

    gate: str
    variant: str | None
    before: Outcome | None
    after: Outcome | None
    because: str


def _outcomes(decision: Decision, names: list[str], variants: list[str], console: Console) -> Table:
    """Return the table of outcomes, in words where the console is wide enough for them, else in signs."""
    found = {(result.gate, result.variant): result.outcome for result in decision.gates}
    rows = []
    for name in names:
        launch = found.get((name, None))
        outcomes = [found.get((name, variant), launch) for variant in variants] or [launch]
        rows.append((f"{name} (warns)" if _warns(decision, name) else name, outcomes))
    heads = variants or ["launch"]
    columns = zip(heads, *(outcomes for _, outcomes in rows), strict=True)
    width = sum(2 + max(len(head), *(2 + len(outcome or "") for outcome in cells)) for head, *cells in columns)
    words = max(len(label) for label, _ in rows) + width <= console.width
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("gate", no_wrap=True)
    for head in heads:
        table.add_column(Text(head), no_wrap=words, overflow="fold")
    signs = signs_of(console)
    for label, outcomes in rows:
        table.add_row(Text(label), *(_cell(outcome, signs, words=words) for outcome in outcomes))
    return table


def _cell(outcome: Outcome | None, signs: dict[Outcome, str], *, words: bool) -> Text:
    if outcome is None:
        return Text("")
    return Text(f"{signs[outcome]} {outcome}" if words else signs[outcome], STYLES[outcome])


def _warns(decision: Decision, gate: str) -> bool:
    return any(result.severity == "warn" for result in decision.gates if result.gate == gate)


def _explain(decision: Decision, variants: int, console: Console) -> None:
    """Print one sentence for each gate that did not pass: that of the variant which the decision's reasons name first."""
    signs = signs_of(console)
    line(console, "")
    for results in _open_results(decision):
        outcome = results[0].outcome
        line(console, f"{signs[outcome]} {_where(results, variants)}: {outcome}", STYLES[outcome])
        differ = len({result.because for result in results}) > 1
        line(console, f"{results[0].variant}: {results[0].because}" if differ else results[0].because, indent=INDENT)
        line(console, "")


def _open_results(decision: Decision) -> list[list[GateResult]]:
    """Gather results that did not pass by gate and outcome, blocking and worst first.

    Gates that say the same of the same variants share a sentence.
    """
    places = {name: at for at, reason in reversed(list(enumerate(decision.reasons))) for name in reason.split(": ")[:2]}
    results = [result for result in decision.gates if result.outcome != "pass"]
    results.sort(key=lambda result: places.get(result.variant or result.gate, len(places)))
    results.sort(key=lambda result: (result.severity != "block", WORST_FIRST.index(result.outcome)))
    by_gate: dict[tuple[str, Outcome], list[GateResult]] = {}
    for result in results:
        by_gate.setdefault((result.gate, result.outcome), []).append(result)
    by_sentence: dict[tuple[tuple[str | None, Outcome, str], ...], list[GateResult]] = {}
    for gathered in by_gate.values():
        said = tuple((result.variant, result.outcome, result.because) for result in gathered)
        by_sentence.setdefault(said, []).extend(gathered)
    return list(by_sentence.values())


def _where(results: list[GateResult], variants: int) -> str:
    """Name the gates and variants of results, as `gate, gate (variant, variant)`."""
    gates = ", ".join(dict.fromkeys(result.gate for result in results))
    of = list(dict.fromkeys(result.variant for result in results if result.variant is not None))
    if not of:
        return gates
    return f"{gates} ({'every variant' if len(of) == variants > 1 else ', '.join(of)})"


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


def signs_of(console: Console) -> dict[Outcome, str]:
    """Return the sign of each outcome that a terminal can show."""
    return SIGNS if console.encoding.startswith("utf") else ASCII_SIGNS


def line(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """Print text as it stands, wrapped at words: nothing in it is markup, and what the terminal lacks becomes `?`."""
    shown = printable(text).encode(console.encoding, "replace").decode(console.encoding)
    for line in Text(shown, style).wrap(console, console.width - indent) or [Text("")]:
        line.rstrip()
        console.print(Text(" " * indent) + line, no_wrap=True, crop=False)
