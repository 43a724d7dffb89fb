"""The rule of a revalidation, on records made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tasks.core.verdicts import Decision, GateResult, PolicyName
from tasks.evidence import Difference, Environment, Unmeasured
from tasks.monitoring.revalidation import (
    Change,
    Revalidation,
    gate_changes,
    judge_revalidation,
    machine_changes,
    package_changes,
)
from tasks.serving.replay import Flip, Replay

if TYPE_CHECKING:
    from tasks.core.verdicts import Outcome, Severity

SHA = "ab" * 32
NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
SAME = Replay(difference=Difference(case="recorded graph", rows=100, bitwise=True))


def test_same_answers_and_passing_gates_keep() -> None:
    """With every decision the same and every blocking gate passed, the champion stays."""
    outcome, reasons = judge_revalidation(SAME, SAME, _decision(_gate("error-rate")), "fp32")
    assert outcome == "keep"
    assert reasons == ("every recorded decision is the same, and every blocking gate passes again",)


def test_reasons_come_in_the_order_of_what_weighs_most() -> None:
    """Flipped decisions come first, then failed gates, then those that could not tell; warnings and others' gates never."""
    flipped = Replay(
        difference=Difference(case="recorded graph", rows=100, flips=1), flipped=(Flip(row=4, before="a", after="b"),)
    )
    decision = _decision(
        _gate("latency-slo", "inconclusive"), _gate("error-rate", "fail"), _gate("drift", "fail", severity="warn"),
        _gate("memory-leak", "fail", variant="int8-static"), _gate("data-quality", "unmeasured", variant=None),
    )  # fmt: skip
    outcome, reasons = judge_revalidation(SAME, flipped, decision, "fp32")
    assert outcome == "reject"
    assert reasons == (
        "1 of 100 recorded decisions flipped on the graph exported anew: row 4 was a and is b",
        "error-rate: error-rate says fail",
        "data-quality: data-quality says unmeasured",
        "latency-slo: latency-slo says inconclusive",
    )


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Unmeasured(stage="replay", why="it crashed"), "was not held against the recorded answers: it crashed"),
        (Replay(difference=Difference(case="a", rows=100, error="a NaN")), "the recorded graph: a NaN"),
        (Replay(difference=Difference(case="a", rows=0)), "no answer was recorded"),
    ],
)
def test_a_replay_that_shows_nothing_rejects(found: Replay | Unmeasured, why: str) -> None:
    """A replay that crashed, broke or had no rows is no proof that decisions are the same."""
    outcome, reasons = judge_revalidation(found, SAME, _decision(_gate("error-rate")), "fp32")
    assert outcome == "reject"
    assert why in reasons[0]


def test_a_decision_without_the_variant_rejects() -> None:
    """Gates of other variants say nothing of the champion's, and no launch at all says why."""
    decision = _decision(_gate("error-rate", variant="int8-static"))
    assert judge_revalidation(SAME, SAME, decision, "fp32") == (
        "reject",
        ("no gate judged fp32, so nothing shows that it may stay",),
    )
    assert judge_revalidation(SAME, SAME, "its log is gone", "fp32")[1] == (
        "it cannot be launched again: its log is gone",
    )


def test_changes_are_listed_with_what_came_and_went() -> None:
    """Packages, hardware and gates are listed with both states, and what is the same is not."""
    before = _environment({"numpy": "2.4.5", "onnx": "1.23.2", "old": "1"}, cores=2)
    now = _environment({"numpy": "2.4.6", "onnx": "1.23.2", "new": "2"}, cores=4)
    assert [str(change) for change in package_changes(before, now)] == [
        "new 2 (new)", "numpy 2.4.5 → 2.4.6", "old 1 (gone)",
    ]  # fmt: skip
    assert [str(change) for change in machine_changes(before, now)] == ["cores 2 → 4"]
    was = _decision(_gate("error-rate"), _gate("latency-slo"), _gate("drift", variant="int8-static"))
    is_now = _decision(_gate("error-rate"), _gate("latency-slo", "fail"), _gate("coverage"))
    assert [str(change) for change in gate_changes(was, is_now, "fp32")] == [
        "latency-slo pass → fail", "coverage pass (new)",
    ]  # fmt: skip


def test_the_record_reads_back_and_says_itself_in_a_sentence() -> None:
    """JSON keeps every field, under `schema` as in the other records, and the sentence names version, change, reason and run."""
    verdict = Revalidation(
        model="tone", version="3", variant="fp32", champion_run_id="c" * 32, run_id="abcdef0123", outcome="reject",
        reasons=("first", "second", "third"), recorded_graph=SAME, new_graph=Unmeasured(stage="replay", why="gone"),
        packages=(Change(name="numpy", before="2.4.5", after="2.4.6"),),
        gates=(Change(name="latency-slo", before="pass", after="fail"),), revalidated_at=NOW,
    )  # fmt: skip
    text = verdict.model_dump_json()
    assert text.startswith('{"schema":1,')
    assert Revalidation.model_validate_json(text) == verdict
    assert verdict.sentence() == (
        "reject tone version 3 (fp32) with numpy 2.4.5 → 2.4.6: first (and 2 more); run abcdef01"
    )


def _environment(packages: dict[str, str], cores: int) -> Environment:
    return Environment(
        python="3.11.9", platform="Linux x86_64", cpu="a", cores=cores, memory_bytes=1, gpu=None, packages=packages,
        sha256=SHA,
    )  # fmt: skip


def _gate(
    name: str, outcome: Outcome = "pass", variant: str | None = "fp32", severity: Severity = "block"
) -> GateResult:
    numbers: dict[str, Any] = {"observed": None, "bound": None, "limit": None, "unit": "", "confidence": 0.95}
    return GateResult(
        gate=name, variant=variant, severity=severity, outcome=outcome, because=f"{name} says {outcome}",
        checklist="week 1-2", checks=(), **numbers,
    )  # fmt: skip


def _decision(*gates: GateResult) -> Decision:
    return Decision(
        candidate="tone", candidate_sha256=SHA, outcome="reject", variant=None, target="cpu",
        policy=PolicyName(name="selftest", sha256=SHA), reasons=("a",), gates=gates, environment={}, run_id="r",
        decided_at=NOW,
    )  # fmt: skip
