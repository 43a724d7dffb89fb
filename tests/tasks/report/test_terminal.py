"""What a launch prints at its end: the verdict first, one screen, readable on any terminal and in a log."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len
from rich.console import Console
from support.report_example import launch

from tasks.report.numbers import NOTHING
from tasks.report.terminal import SCREEN_LINES, print_decision
from tasks.report.terminal_comparison import print_comparison

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision, GateResult, Outcome

REPORT = Path("/srv/a long folder/launchgate/.launchgate/runs/8c1f7a90b2d44f6e9d3e5a7c0b1d2e3f/report.html")
COMMAND = "launchgate show 8c1f7a90"


def printed(decision: Decision, width: int = 100, *, report: Path | None = REPORT, verbose: bool = False) -> str:
    """Return what a decision prints where the output is no terminal."""
    console = Console(file=io.StringIO(), width=width)
    print_decision(decision, console, report=report, command=COMMAND, verbose=verbose)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def squeezed(text: str) -> str:
    """Return the text with each run of blanks as one."""
    return " ".join(text.split())


def rows(text: str) -> dict[str, str]:
    """Return the lines of the table of gates under their first word."""
    return {line.split()[0]: line for line in text.split("\n\n")[1].splitlines()}


def replaced(decision: Decision, gate: str, **update: object) -> Decision:
    """Return the decision with something else about a gate."""
    gates = tuple(each.model_copy(update=update) if each.gate == gate else each for each in decision.gates)
    return decision.model_copy(update={"gates": gates})


def with_outcome(decision: Decision, gate: str, outcome: Outcome, because: str) -> Decision:
    """Return the decision with another result for a gate."""
    return replaced(decision, gate, outcome=outcome, because=because)


def with_variants(decision: Decision, names: list[str]) -> Decision:
    """Return the decision with the results of int8-dynamic under each of `names`, and those of the whole launch."""
    shared = [each for each in decision.gates if each.variant is None]
    own = [each for each in decision.gates if each.variant == "int8-dynamic"]
    gates = (*shared, *(each.model_copy(update={"variant": name}) for name in names for each in own))
    return decision.model_copy(update={"gates": gates})


def did_not_pass(decision: Decision) -> list[GateResult]:
    """Return the results that are no pass."""
    return [each for each in decision.gates if each.outcome != "pass"]


@pytest.mark.parametrize(
    ("outcome", "first"),
    [
        ("reject", "✗ reject sentiment (policy standard, cpu)"),
        ("promote", "✓ promote sentiment int8-static (policy standard, cpu)"),
    ],
)
def test_the_verdict_comes_first(outcome: str, first: str) -> None:
    """The first line says what was decided on which model, under which policy and for which target."""
    assert squeezed(printed(launch(outcome)[1]).splitlines()[0]) == first


def test_a_rejection_says_at_once_why_and_what_to_do() -> None:
    """Under the verdict stands the first reason in full: the gate, the variant that came closest, the remedy."""
    head = squeezed(printed(launch("reject")[1]).split("\n\n")[0])
    assert "production-accuracy (int8-static): The accuracy on 3,440 labelled production requests is 64.4%" in head
    assert head.endswith("train on data that looks like production")


def test_a_promotion_says_at_once_why_and_what_it_costs() -> None:
    """Under the verdict stand the variant, why it was chosen, and the sentence of its cost."""
    decision = launch("promote")[1]
    head = squeezed(printed(decision).split("\n\n")[0])
    (cost,) = (each for each in decision.gates if (each.gate, each.variant) == ("unit-cost", "int8-static"))
    assert "int8-static is the cheapest variant that passes every blocking gate" in head
    assert head.endswith(squeezed(cost.because))


@pytest.mark.parametrize("outcome", ["promote", "reject"])
@pytest.mark.parametrize("width", [50, 80, 100, 160])
@pytest.mark.parametrize("verbose", [False, True])
def test_no_line_is_wider_than_the_terminal_or_a_hundred_columns(outcome: str, width: int, verbose: bool) -> None:
    """No colour code in a log, and no line too wide but for the report's path, which stays whole."""
    lines = printed(launch(outcome)[1], width, verbose=verbose).splitlines()
    assert not any("\x1b" in line for line in lines)
    wide = [line for line in lines if cell_len(line) > min(width, 100)]
    assert wide == ([f"report: {REPORT}"] if len(f"report: {REPORT}") > min(width, 100) else [])


@pytest.mark.parametrize("outcome", ["promote", "reject"])
def test_one_screen_is_enough(outcome: str) -> None:
    """What is printed without being asked for more fits a screen of forty lines."""
    assert len(printed(launch(outcome)[1]).splitlines()) <= SCREEN_LINES


def test_where_every_gate_fails_sentences_are_left_out_rather_than_gates() -> None:
    """The table still names all; how many sentences are not shown is said, with the command that shows them."""
    decision = launch("reject")[1]
    for gate in {each.gate for each in decision.gates}:
        decision = with_outcome(decision, gate, "fail", f"{gate} is over its limit by far; " + "mend it; " * 20)
    text = printed(decision)
    assert {each.gate for each in decision.gates} <= rows(text).keys()
    assert re.search(rf"{COMMAND} --verbose shows every gate and sentence, \d+ of them not shown here", squeezed(text))


@pytest.mark.parametrize("outcome", ["promote", "reject"])
def test_what_passed_everywhere_is_named_once(outcome: str) -> None:
    """A gate that passed for every variant is in one list, and nowhere else."""
    decision = launch(outcome)[1]
    text = squeezed(printed(decision, report=None).split("\n\n", 1)[1])
    passed = {each.gate for each in decision.gates} - {each.gate for each in did_not_pass(decision)}
    assert f"passed: {len(passed)} gates: " in text
    for gate in passed:
        assert len(re.findall(rf"(?<![\w-]){gate}(?![\w-])", text)) == 1, gate


@pytest.mark.parametrize("outcome", ["promote", "reject"])
def test_every_gate_that_did_not_pass_is_named_with_its_variants(outcome: str) -> None:
    """A failure is a sign under its variant; what was not measured is named beside the variant and the cause."""
    decision = launch(outcome)[1]
    text = printed(decision)
    table, heads = rows(text), rows(text)["gate"]
    for each in did_not_pass(decision):
        if each.outcome == "unmeasured":
            assert re.search(rf"unmeasured for [^:]*{each.variant}[^:]*: [^:]*{each.gate}", squeezed(text))
        else:
            at = heads.index(str(each.variant))
            assert table[each.gate][at] == {"fail": "✗", "inconclusive": "?"}[each.outcome]


def test_the_number_that_decided_stands_beside_the_limit() -> None:
    """Each failure shows its bound, an exact failure what was seen, and the row the limit."""
    table = {gate: squeezed(line) for gate, line in rows(printed(launch("reject")[1])).items()}
    assert table["production-accuracy"] == "production-accuracy ✗ 66.1% ✗ 65.2% ✗ 65.7% 70%"
    assert table["batch-invariance"] == "batch-invariance ✓ ✗ 8% ✓ 1% of RMS"


def test_a_number_is_not_rounded_onto_its_limit() -> None:
    """69.96% against 70% is not shown as 70.0% that failed."""
    for bound, shown in [(0.69996, "69.996%"), (0.6996, "69.96%"), (0.661, "66.1%")]:
        decision = replaced(launch("reject")[1], "production-accuracy", bound=bound)
        assert f"✗ {shown} " in rows(printed(decision))["production-accuracy"]


def test_what_has_no_bound_says_so() -> None:
    """An estimate within the limit whose bound is not known would look like a pass."""
    decision = replaced(launch("reject")[1], "slice-accuracy", outcome="inconclusive", bound=None, observed=0.9)
    assert "? no bound" in rows(printed(decision))["slice-accuracy"]


def test_limits_that_differ_stand_beside_their_numbers() -> None:
    """Two variants that fail by different percentiles are each held to their own limit."""
    decision = launch("reject")[1]
    gates = tuple(
        each.model_copy(update={"outcome": "fail", "bound": bound, "limit": limit, "unit": "ms"})
        if (each.gate, each.variant) == ("latency-slo", variant)
        else each
        for each in decision.gates
        for variant, bound, limit in [("fp32", 61.0, 50.0) if each.variant == "fp32" else ("int8-static", 120.0, 100.0)]
    )
    row = squeezed(rows(printed(decision.model_copy(update={"gates": gates})))["latency-slo"])
    assert row == "latency-slo ✗ 61 (50 ms) ✓ ✗ 120 (100 ms) (in brackets)"


def test_worst_comes_first_and_what_only_warns_last() -> None:
    """Failures stand before what can't be told; a gate that warns is marked, in the table and in its sentence."""
    decision = replaced(launch("reject")[1], "latency-slo", severity="warn", outcome="fail")
    text = printed(decision)
    assert list(rows(text))[1:7] == [
        "production-accuracy", "production-gap", "batch-invariance", "slice-accuracy", "quantization-loss", "latency-slo",
    ]  # fmt: skip
    assert "latency-slo (warns)" in text
    assert re.search(r"✗ latency-slo \([\w-]+, warns\): ", text)


def test_the_sentence_of_the_verdict_is_not_said_twice() -> None:
    """One sentence a gate that failed, that of the variant which the reasons name first; the first stands on top."""
    text = squeezed(printed(launch("reject")[1]))
    assert text.count("train on data that looks like production") == 1
    assert text.count("train and evaluate on data that looks like production") == 1
    assert "✗ production-gap (int8-static): The accuracy lost" in text


def test_gates_without_evidence_for_one_reason_share_a_line() -> None:
    """A stage that crashed holds several gates back; its reason is printed once."""
    text = squeezed(printed(launch("promote")[1]))
    told = "unmeasured for fp32: memory-per-request, memory-leak: The stage memory has no result: the serving process"
    assert f"{NOTHING} {told}" in text
    assert text.count("the serving process was killed") == 1


def test_stages_that_lacked_another_ones_result_name_that_one() -> None:
    """Where the sample fails, all that needed it is one line with the sample's own reason."""
    decision = launch("reject")[1]
    for gate in ("latency-slo", "robustness", "coverage"):
        lacking = f"The stage x: {gate} has no result: not run, since sample has no result: the bucket is gone"
        decision = with_outcome(decision, gate, "unmeasured", lacking)
    text = squeezed(printed(decision))
    line = "unmeasured: coverage, robustness, latency-slo: The stage sample has no result: the bucket is gone"
    assert f"{NOTHING} {line}" in text


def test_an_unmeasured_reason_that_decided_is_told_once() -> None:
    """The line of the gates that lacked a stage refers to the verdict, where that stage is what rejected the launch."""
    decision = launch("reject")[1]
    because = "The stage sample has no result: the bucket is gone"
    decision = with_outcome(
        with_outcome(decision, "sample-size", "unmeasured", because), "drift", "unmeasured", because
    )
    decision = decision.model_copy(update={"reasons": (f"sample-size: {because}", *decision.reasons)})
    text = squeezed(printed(decision))
    assert text.count("the bucket is gone") == 1
    assert "unmeasured: sample-size, drift (warns): for the reason above" in text


@pytest.mark.parametrize("outcome", ["promote", "reject"])
def test_verbose_names_every_gate_and_every_sentence(outcome: str) -> None:
    """Every gate is a row of the table, and the sentence of every result is there, passes too."""
    decision = launch(outcome)[1]
    text = printed(decision, verbose=True)
    assert {each.gate for each in decision.gates} <= rows(text).keys()
    for each in decision.gates:
        assert squeezed(each.because) in squeezed(text)
    assert "--verbose" not in text


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("name", ["fp", "int8-dynamic", "quantized-per-channel-with-a-long-name", "量子化された模型"])
@pytest.mark.parametrize("width", [80, 100])
def test_any_number_of_variants_of_any_name_fits(count: int, name: str, width: int) -> None:
    """Up to six variants with long or wide names: no line is too wide, and every name is there."""
    names = [f"{name}{at}" for at in range(count)]
    text = printed(with_variants(launch("reject")[1], names), width, report=None)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert all(each in text for each in names)
    assert "✗" in rows(text)["production-gap"]


def test_a_console_without_unicode_gets_ascii() -> None:
    """An ASCII log shows other signs instead of an encoding error."""
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=80)
    decision = with_outcome(launch("reject")[1], "unit-cost", "fail", "the cost is ≥ 3 €")
    print_decision(decision, console, report=REPORT)
    print_comparison(decision, launch("reject")[0], launch("promote")[1], launch("promote")[0], console)
    console.file.flush()
    text = raw.getvalue().decode("ascii")
    assert "x production-gap (int8-static): " in text
    assert "the cost is ? 3 ?" in text


def test_sentences_are_neither_markup_nor_commands() -> None:
    """Brackets stay as they stand, and an escape sequence out of an error message is made visible, not obeyed."""
    decision = with_outcome(launch("reject")[1], "unit-cost", "fail", "[bold]list[/] index [0] \x1b[2J\x07 gone")
    text = printed(decision)
    assert "[bold]list[/] index [0] ·[2J· gone" in text
    assert "\x1b" not in text


def test_a_launch_without_variants_prints() -> None:
    """With gates of the whole launch only there is one column; with none at all there is still a verdict."""
    decision = launch("reject")[1]
    alone = decision.model_copy(update={"gates": tuple(each for each in decision.gates if each.variant is None)})
    text = printed(with_outcome(alone, "export-parity", "fail", "they differ"))
    assert squeezed(rows(text)["export-parity"]) == "export-parity ✗ 0.156% 1%"
    bare = decision.model_copy(update={"gates": (), "reasons": ()})
    assert [squeezed(line) for line in printed(bare, report=None).splitlines()] == [
        "✗ reject sentiment (policy standard, cpu)",
        "no reason was given",
        "",
        "MLflow: run 8c1f7a90b2d44f6e9d3e5a7c0b1d2e3f, which launchgate ui shows",
        f"{COMMAND} --verbose shows every gate and sentence",
    ]


def test_it_ends_with_where_to_read_on() -> None:
    """The report's path is whole, the run has its page where a server shows it, and the command for more is last."""
    console = Console(file=io.StringIO(), width=40)
    print_decision(launch("reject")[1], console, report=REPORT, url="https://mlflow/#/experiments/1", command=COMMAND)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert f"\nreport: {REPORT}\nMLflow: https://mlflow/#/experiments/1\n{COMMAND} --verbose" in text
