"""What a launch prints at its end: short, readable on any terminal and in a log, with the verdict last."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from support.report_example import launch

from tasks.report.numbers import NOTHING, SIGNS
from tasks.report.terminal import print_comparison, print_decision

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision, Outcome

REPORT = Path("/srv/a long folder/launchgate/.launchgate/runs/8c1f7a90b2d44f6e9d3e5a7c0b1d2e3f/report.html")

SIGN = f"[{''.join(SIGNS.values())}]"


def printed(decision: Decision, width: int = 80, report: Path | None = REPORT) -> str:
    """Return what a decision prints where the output is no terminal."""
    console = Console(file=io.StringIO(), width=width)
    print_decision(decision, report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def compared(a: Decision, b: Decision, width: int = 80) -> str:
    """Return what a comparison of two decisions prints, with the evidence of the example launches behind them."""
    console = Console(file=io.StringIO(), width=width)
    print_comparison(a, launch("reject")[0], b, launch("promote")[0], console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def squeezed(text: str) -> str:
    """Return the text with each run of blanks as one."""
    return " ".join(text.split())


def with_outcome(decision: Decision, gate: str, outcome: Outcome, because: str) -> Decision:
    """Return the decision with another result for a gate."""
    gates = tuple(
        result.model_copy(update={"outcome": outcome, "because": because}) if result.gate == gate else result
        for result in decision.gates
    )
    return decision.model_copy(update={"gates": gates})


@pytest.mark.parametrize("outcome", ["promote", "reject"])
def test_table_has_every_gate_with_the_outcome_of_every_variant(outcome: str) -> None:
    """One row a gate, one word a variant; a gate of the whole launch counts for each variant."""
    decision = launch(outcome)[1]
    variants = ["fp32", "int8-dynamic", "int8-static"]
    rows = {line.split()[0]: line for line in printed(decision).split("\n\n")[1].splitlines()}
    assert rows["gate"].split() == ["gate", *variants]
    for gate in {result.gate for result in decision.gates}:
        results = {result.variant: result.outcome for result in decision.gates if result.gate == gate}
        expected = [results.get(variant, results.get(None)) for variant in variants]
        assert re.findall(rf"{SIGN} (\w+)", rows[gate]) == expected
    assert len(rows) == 1 + len({result.gate for result in decision.gates})


def test_plain_text_fits_eighty_columns() -> None:
    """In a log there is no colour code and no line over 80 columns, but for the report's path, which stays whole."""
    lines = printed(launch("reject")[1]).splitlines()
    assert not any("\x1b" in line for line in lines)
    assert max(len(line) for line in lines[:-1]) <= 80
    assert lines[-1] == f"Report: {REPORT}"


@pytest.mark.parametrize(
    ("outcome", "begins"), [("reject", "REJECT sentiment: "), ("promote", "PROMOTE sentiment int8-static: ")]
)
def test_verdict_with_its_main_reason_ends_the_output(outcome: str, begins: str) -> None:
    """The last sentence before the path is the verdict with the first of the decision's reasons, in full."""
    decision = launch(outcome)[1]
    last = printed(decision).rsplit("\n\n", 1)[1].rsplit("Report:", 1)[0]
    assert squeezed(last) == squeezed(f"{begins}{decision.reasons[0]}")


def test_only_what_did_not_pass_is_explained() -> None:
    """Each gate that did not pass has one sentence, that of the variant the reasons name first; passes have none."""
    decision = launch("reject")[1]
    text = squeezed(printed(decision))
    for result in decision.gates:
        if result.outcome == "pass":
            assert squeezed(result.because) not in text
    explained = {result.gate for result in decision.gates if result.outcome != "pass"}
    assert all(re.search(rf"{SIGN} [^:]*\b{gate}\b[^:]*: (fail|inconclusive|unmeasured)", text) for gate in explained)
    first = next(g for g in decision.gates if g.gate == "production-gap" and g.variant == "int8-static")
    assert f"✗ production-gap (every variant): fail int8-static: {squeezed(first.because)}" in text


def test_gates_with_one_cause_share_their_sentence() -> None:
    """A stage that crashed holds several gates back; its reason is printed once."""
    text = squeezed(printed(launch("promote")[1]))
    assert f"{NOTHING} memory-per-request, memory-leak (fp32): unmeasured The stage memory has no result" in text
    assert text.count("the serving process was killed") == 1


def test_gates_that_miss_other_variants_have_sentences_of_their_own() -> None:
    """A gate that lacks one variant only is not said to lack those that another gate lacks for the same cause."""
    decision = launch("promote")[1]
    lost = {("latency-slo", "fp32"), ("latency-slo", "int8-static"), ("batch-profile", "fp32")}
    gates = tuple(
        result.model_copy(update={"outcome": "unmeasured", "because": f"{result.variant} was stopped"})
        if (result.gate, result.variant) in lost
        else result
        for result in decision.gates
    )
    text = squeezed(printed(decision.model_copy(update={"gates": gates})))
    assert f"{NOTHING} latency-slo (fp32, int8-static): unmeasured" in text
    assert f"{NOTHING} batch-profile (fp32): unmeasured fp32 was stopped" in text


def test_failures_come_before_what_could_not_be_told() -> None:
    """A failed gate is explained before an unmeasured one, and that before an inconclusive one."""
    text = printed(launch("reject")[1])
    places = [text.index(part) for part in ("production-accuracy (", "memory-leak (", "quantization-loss (")]
    assert places == sorted(places)


def test_a_warning_is_marked_and_comes_last() -> None:
    """A gate that only warns says so in the table, and is explained after every gate that blocks."""
    decision = launch("reject")[1]
    gates = tuple(
        result.model_copy(update={"severity": "warn", "outcome": "fail"}) if result.gate == "latency-slo" else result
        for result in decision.gates
    )
    text = printed(decision.model_copy(update={"gates": gates}))
    assert "latency-slo (warns)" in text
    assert text.index("✗ latency-slo (every variant)") > text.index("? quantization-loss (int8-dynamic)")


def test_four_variants_keep_their_words() -> None:
    """The usual variants of a GPU launch fit 80 columns with their outcomes in words."""
    decision = launch("reject")[1]
    usual = tuple(result for result in decision.gates if result.gate != "slice-accuracy")  # inconclusive everywhere
    decision = decision.model_copy(update={"gates": usual})
    more = tuple(
        result.model_copy(update={"variant": "fp16"}) for result in decision.gates if result.variant == "int8-static"
    )
    table = printed(decision.model_copy(update={"gates": (*decision.gates, *more)})).split("\n\n")[1]
    assert "fp16" in table.splitlines()[0]
    assert "? inconclusive" in table
    assert max(len(line) for line in table.splitlines()) <= 80


def test_narrow_terminals_get_signs_alone() -> None:
    """Where the words do not fit, the table keeps its shape with signs, and the sentences still say the words."""
    text = printed(launch("reject")[1], width=50)
    table = text.split("\n\n")[1]
    assert max(len(line) for line in table.splitlines()) <= 50
    assert "✗" in table
    assert "✗ fail" not in table
    assert "production-gap (every variant): fail" in text


def test_a_console_without_unicode_gets_ascii() -> None:
    """An ASCII log shows other signs instead of an encoding error."""
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=80)
    decision = with_outcome(launch("reject")[1], "unit-cost", "fail", "the cost is ≥ 3 €")
    print_decision(decision, REPORT, console)
    print_comparison(decision, launch("reject")[0], launch("promote")[1], launch("promote")[0], console)
    console.file.flush()
    text = raw.getvalue().decode("ascii")
    assert "x production-gap (every variant): fail" in text
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
    gates = tuple(result for result in decision.gates if result.variant is None)
    assert "export-parity        ✓ pass" in printed(decision.model_copy(update={"gates": gates}))
    bare = printed(decision.model_copy(update={"gates": (), "reasons": ()}), report=None)
    assert bare.splitlines()[-1] == "REJECT sentiment: no reason was given"


def test_comparison_lists_what_changed_and_nothing_else() -> None:
    """Gates with another outcome are listed with both outcomes; those that kept theirs are not."""
    a, b = launch("reject")[1], launch("promote")[1]
    text = compared(a, b)
    assert "production-gap (fp32): fail → pass" in text
    assert "batch-invariance" not in text
    assert text.splitlines()[-1] == "Decision changed: reject → promote int8-static"
    assert max(len(line) for line in text.splitlines()) <= 80


def test_comparison_says_why_a_gate_no_longer_passes() -> None:
    """The other way round each gate that was lost carries the second run's sentence."""
    a, b = launch("promote")[1], launch("reject")[1]
    text = squeezed(compared(a, b))
    lost = next(g for g in b.gates if g.gate == "production-accuracy" and g.variant == "fp32")
    assert f"production-accuracy (fp32): pass → fail {squeezed(lost.because)}" in text


def test_comparison_shows_headline_numbers_with_differences() -> None:
    """Accuracy differs in points, the rest in its unit; what was measured in neither run has no difference."""
    rows = [squeezed(line) for line in compared(launch("reject")[1], launch("promote")[1]).splitlines()]
    assert "fp32 Accuracy in production 64.8% 76.8% +12.0 points" in rows
    assert any(row.startswith("Latency p99, batch 1") and row.endswith(" 0") for row in rows)
    assert "Peak memory unmeasured unmeasured -" in rows


def test_comparison_names_what_was_not_the_same() -> None:
    """A difference between runs of another policy is told apart from a difference of the model."""
    a, b = launch("reject")[1], launch("promote")[1]
    other = b.model_copy(update={"policy": b.policy.model_copy(update={"sha256": "0" * 64})})
    assert "policy: not the same" in compared(a, other)
    assert "candidate: the same" in compared(a, other)


def test_comparison_of_a_run_with_itself_changes_nothing() -> None:
    """A run compared with itself has no gate that changed and the same decision."""
    evidence, decision = launch("promote")
    console = Console(file=io.StringIO(), width=80)
    print_comparison(decision, evidence, decision, evidence, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "No gate changed its outcome." in text
    assert "Same decision: promote int8-static → promote int8-static" in text


def test_comparison_of_runs_with_other_variants() -> None:
    """A variant that only one run has is shown with dashes on the other side, and its gates as absent there."""
    evidence, decision = launch("promote")
    fewer = evidence.model_copy(update={"variants": evidence.variants[:1]})
    gates = tuple(result for result in decision.gates if result.variant in (None, "fp32"))
    console = Console(file=io.StringIO(), width=100)
    print_comparison(decision.model_copy(update={"gates": gates}), fewer, decision, evidence, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "latency-slo (int8-static): absent → pass" in text
    assert "int8-static Accuracy in production - 76.4% -" in squeezed(text)
