"""What a launch ends with on a terminal: the verdict and its reason, what did not pass, and where to read on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tasks.core.verdicts import WORST_FIRST
from tasks.report.numbers import SIGNS, printable
from tasks.report.terminal_table import VALUES, gates_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from tasks.core.verdicts import Decision, GateResult, Outcome

STYLES: dict[Outcome, str] = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "unmeasured": "dim"}
ASCII_SIGNS: dict[Outcome, str] = {"pass": "+", "fail": "x", "inconclusive": "?", "unmeasured": "-"}
INDENT = 2
NOTHING = "-"  # a terminal without Unicode has it too
MOST_COLUMNS = 100
SCREEN_LINES = 40
HAS_NONE = " has no result: "
PREFIXES = ("The stage ", "not run, since ")


def print_decision(
    decision: Decision,
    console: Console,
    *,
    report: Path | None = None,
    url: str | None = None,
    command: str | None = None,
    verbose: bool = False,
) -> None:
    """Print the verdict and its reason, the gates that did not pass, what passed in one line, and where the rest is.

    At most 40 lines of 100 columns; `verbose` prints every gate and every sentence, however many. `url` is the run's
    page in MLflow, and `command` is what prints this decision again.
    """
    signs = signs_of(console)
    page = [*_verdict(decision, console), Text("")]
    page += _table(decision, console, verbose=verbose)
    told = [] if verbose else [*_unmeasured(decision, console), *_passed(decision, console)]
    page += [*told, Text("")] if told or decision.gates else []
    foot = _where(decision, report, url, console)
    sentences = _every_sentence(decision) if verbose else _open_sentences(decision)
    paragraphs = [
        wrapped(f"{signs[result.outcome]} {text}", console, STYLES[result.outcome] if verbose else "", hang=INDENT)
        for result, text in sentences
    ]
    left = SCREEN_LINES - len(page) - len(foot) - 2  # a blank line, and the line on --verbose
    dropped = 0
    while not verbose and paragraphs and sum(map(len, paragraphs)) > left:
        paragraphs.pop()
        dropped += 1
    page += [each for paragraph in paragraphs for each in paragraph]
    page += [Text(""), *foot] if paragraphs else foot
    if command and not verbose:
        more = f", {dropped} of them not shown here" if dropped else ""
        page += wrapped(f"{command} --verbose shows every gate and sentence{more}", console, "dim")
    show(page, console)


def _verdict(decision: Decision, console: Console) -> list[Text]:
    """Return what was decided on what, and the first reason; of a promotion also what it costs."""
    promoted = decision.outcome == "promote"
    sign = signs_of(console)["pass" if promoted else "fail"]
    subject = f"{decision.candidate} {decision.variant}" if promoted else decision.candidate
    head = f"{sign} {decision.outcome}  {subject} (policy {decision.policy.name}, {decision.target})"
    lines = wrapped(head, console, "bold green" if promoted else "bold red", hang=INDENT)
    first = _first(decision)
    reason = decision.reasons[0] if decision.reasons else "no reason was given"
    if first is not None:
        reason = f"{signs_of(console)[first.outcome]} {_sentence(first)}"
    lines += wrapped(reason, console, hang=INDENT if first else 0)
    cost = [each for each in decision.gates if each.gate == "unit-cost" and each.variant == decision.variant]
    if promoted and cost:
        lines += wrapped(cost[0].because, console)
    return lines


def _first(decision: Decision) -> GateResult | None:
    """Return the result that is the first reason of a rejection."""
    places = _places(decision)
    return next((each for each in decision.gates if places.get((each.gate, each.variant)) == 0), None)


def _places(decision: Decision) -> dict[tuple[str, str | None], int]:
    """Return the place among the decision's reasons of each result that is one of them."""
    at = {reason: place for place, reason in reversed(list(enumerate(decision.reasons)))}
    texts = {(each.gate, each.variant): f"{each.gate}: {each.because}" for each in decision.gates}
    full = {key: f"{key[1]}: {text}" if key[1] is not None else text for key, text in texts.items()}
    return {key: at[text] for key, text in full.items() if text in at}


def _sentence(result: GateResult, variants: str | None = None) -> str:
    """Return a result's sentence after the gate and the variant that it is of."""
    notes = [variants or result.variant or "", "warns" if result.severity == "warn" else ""]
    of = ", ".join(note for note in notes if note)
    return f"{result.gate} ({of}): {result.because}" if of else f"{result.gate}: {result.because}"


def _by_gate(decision: Decision) -> dict[str, list[GateResult]]:
    """Gather results by gate: gates that block first, worst outcome first, then as the reasons have them.

    The results of a gate are ordered in the same way, so that the first is the one that decides.
    """
    places = _places(decision)

    def weight(result: GateResult) -> tuple[bool, int, int]:
        place = places.get((result.gate, result.variant), len(places))
        return result.severity != "block", WORST_FIRST.index(result.outcome), place

    gathered: dict[str, list[GateResult]] = {}
    for result in sorted(decision.gates, key=weight):
        gathered.setdefault(result.gate, []).append(result)
    return gathered


def _table(decision: Decision, console: Console, *, verbose: bool) -> list[Text]:
    """Return the table of the gates that failed or can't be told somewhere, of every gate where `verbose`."""
    rows = {
        gate: results
        for gate, results in _by_gate(decision).items()
        if verbose or {result.outcome for result in results} & {"fail", "inconclusive"}
    }
    if not rows:
        return []
    signs, variants = signs_of(console), _variants(decision)
    table = gates_table(rows, variants, signs, STYLES, width_of(console), passes=verbose)
    found = {result.outcome for results in rows.values() for result in results}
    legend = ", ".join(f"{signs[outcome]} {outcome}" for outcome in WORST_FIRST if outcome in found - {"pass"})
    legend = f"{legend}; {VALUES}" if legend else VALUES
    return [*table, *wrapped(legend, console, "dim")]


def _unmeasured(decision: Decision, console: Console) -> list[Text]:
    """Return a line for each cause of gates that were not measured, with the gates and variants that it is the cause of."""
    first, variants = _first(decision), _variants(decision)
    told = _cause(first.because) if first else None
    of_gates: dict[tuple[str, str], list[str]] = {}
    for gate, results in _by_gate(decision).items():
        for result in results:
            if result.outcome == "unmeasured":
                label = f"{gate} (warns)" if result.severity == "warn" else gate
                of_gates.setdefault((_cause(result.because), label), []).append(result.variant or "")
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (cause, label), found in of_gates.items():
        everywhere = found == [""] or set(found) == set(variants)
        groups.setdefault((cause, () if everywhere else tuple(found)), []).append(label)
    sign = signs_of(console)["unmeasured"]
    lines = []
    for (cause, of), labels in groups.items():
        why = "for the reason above" if cause == told else cause
        where = f" for {', '.join(of)}" if of else ""
        lines += wrapped(f"{sign} unmeasured{where}: {', '.join(labels)}: {why}", console, hang=INDENT)
    return lines


def _cause(because: str) -> str:
    """Return the innermost reason: that of the stage which failed first, not of those that lacked its result."""
    stage = ""
    while because.startswith(PREFIXES) and HAS_NONE in because:
        said, because = because.split(HAS_NONE, 1)
        stage = next(said.removeprefix(prefix) for prefix in PREFIXES if said.startswith(prefix))
    return f"{PREFIXES[0]}{stage}{HAS_NONE}{because}" if stage else because


def _passed(decision: Decision, console: Console) -> list[Text]:
    """Return one line that names the gates which passed wherever they were asked."""
    outcomes: dict[str, set[str]] = {}
    for result in decision.gates:
        outcomes.setdefault(result.gate, set()).add(result.outcome)
    passed = [gate for gate, found in outcomes.items() if found == {"pass"}]
    if not passed:
        return []
    some = f"{len(passed)} gate{'s' if len(passed) > 1 else ''}"
    sign = signs_of(console)["pass"]
    return wrapped(f"{sign} passed: {some}: {', '.join(passed)}", console, hang=INDENT)


def _open_sentences(decision: Decision) -> list[tuple[GateResult, str]]:
    """Return one sentence for each gate that failed or can't be told, but for the one that the verdict has told."""
    first = _first(decision)
    deciding = [
        next((each for each in results if each.outcome in {"fail", "inconclusive"}), results[0])
        for results in _by_gate(decision).values()
    ]
    return [
        (result, _sentence(result))
        for result in deciding
        if result.outcome in {"fail", "inconclusive"} and result != first
    ]


def _every_sentence(decision: Decision) -> list[tuple[GateResult, str]]:
    """Return the sentence of every result; what a gate says alike of several variants is said once."""
    sentences = []
    for results in _by_gate(decision).values():
        alike: dict[tuple[str, str], list[GateResult]] = {}
        for result in results:
            alike.setdefault((result.outcome, result.because), []).append(result)
        for said in alike.values():
            names = ", ".join(each.variant for each in said if each.variant is not None)
            sentences.append((said[0], _sentence(said[0], names)))
    return sentences


def _where(decision: Decision, report: Path | None, url: str | None, console: Console) -> list[Text]:
    """Return where the report and the run are; a path or an address stands whole on its line, since it is to be opened."""
    lines = [] if report is None else [Text(f"report: {ascii_safe(str(report), console)}")]
    if url is not None:
        return [*lines, Text(f"MLflow: {ascii_safe(url, console)}")]
    return [*lines, *wrapped(f"MLflow: run {decision.run_id}, which launchgate ui shows", console)]


def _variants(decision: Decision) -> list[str]:
    return list(dict.fromkeys(result.variant for result in decision.gates if result.variant is not None))


def width_of(console: Console) -> int:
    """Return how many columns to write in."""
    return min(console.width, MOST_COLUMNS)


def signs_of(console: Console) -> dict[Outcome, str]:
    """Return the sign of each outcome that a terminal can show."""
    return SIGNS if console.encoding.startswith("utf") else ASCII_SIGNS


def ascii_safe(text: str, console: Console) -> str:
    """Return text without control characters; a letter that the terminal lacks becomes `?`."""
    return printable(text).encode(console.encoding, "replace").decode(console.encoding)


def wrapped(text: str, console: Console, style: str = "", indent: int = 0, hang: int = 0) -> list[Text]:
    """Return text as it stands, in lines wrapped at words: nothing in it is markup.

    `indent` columns stand before each line, `hang` more before each but the first.
    """
    shown = Text(ascii_safe(text, console), style)
    lines = list(shown.wrap(console, width_of(console) - indent - hang)) or [Text("")]
    for each in lines:
        each.rstrip()
    return [Text(" " * (indent + (hang if at else 0))) + each for at, each in enumerate(lines)]


def show(lines: Iterable[Text], console: Console) -> None:
    """Print lines as they are, each on its own."""
    for each in lines:
        console.print(each, no_wrap=True, crop=False, overflow="ignore", soft_wrap=True)


def line(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """Print text as it stands, wrapped at words and `indent` columns in."""
    show(wrapped(text, console, style, indent), console)
