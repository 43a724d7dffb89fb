"""Two launches side by side: what changed and by how much, readable on any terminal and in a log."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from support.report_example import launch

from tasks.report.terminal_comparison import print_comparison

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision


def compared(a: Decision, b: Decision, width: int = 80) -> str:
    """Return what a comparison of two decisions prints, with the evidence of the example launches behind them."""
    console = Console(file=io.StringIO(), width=width)
    print_comparison(a, launch("reject")[0], b, launch("promote")[0], console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def squeezed(text: str) -> str:
    """Return the text with each run of blanks as one."""
    return " ".join(text.split())


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
