"""A launch that an earlier version recorded, before its records moved: what it kept still loads, and is decided alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tasks.candidate.snapshot import RECORD, load_kept
from tasks.core.run_folder import RunFolder, VariantFolder
from tasks.core.verdicts import Decision
from tasks.cost.projection import price
from tasks.decision.decide import decide
from tasks.decision.policy import parse_policy
from tasks.evidence import Evidence

UNDER_LOAD = (
    "latency-slo",
    "capacity",
    "unit-cost",
)  # bounded by another rule since, and speaking of the same replicas
RECORDED = RunFolder(Path(__file__).parents[2] / "recorded" / "launch")


@pytest.fixture(scope="module")
def decision() -> Decision:
    """Return the decision as it was recorded."""
    return Decision.model_validate_json(RECORDED.decision.read_bytes())


def test_recorded_evidence_is_decided_as_it_was(decision: Decision) -> None:
    """Every gate says of the recorded evidence what it said then, to the last digit, but for those that a load decides.

    On a machine that was busy for other processes 71% of the time they were left open then; a replay of the same services
    tells them apart now.
    """
    evidence = Evidence.model_validate_json(RECORDED.evidence.read_bytes())
    policy = parse_policy(RECORDED.policy.read_text(encoding="utf-8"), decision.policy)
    again = decide(price(evidence, policy.business), policy, decision.run_id)
    assert len(again.gates) == 26
    told, then = ({(gate.gate, gate.variant): gate for gate in each.gates} for each in (again, decision))
    changed = {key for key, gate in told.items() if gate != then[key]}
    assert changed == {(name, "fp32") for name in UNDER_LOAD}
    assert [then[name, "fp32"].outcome for name in UNDER_LOAD] == ["inconclusive", "inconclusive", "pass"]
    assert [told[name, "fp32"].outcome for name in UNDER_LOAD] == ["pass", "pass", "pass"]
    assert (decision.outcome, again.outcome, again.variant) == ("reject", "promote", "fp32")


def test_a_recorded_candidate_is_served_again(tmp_path: Path) -> None:
    """The record of a candidate that was kept then is read, wherever its files lie now."""
    shutil.copyfile(RECORDED.path / RECORD, tmp_path / RECORD)
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "model.onnx").write_bytes(b"a graph")
    candidate, variant = load_kept(tmp_path, "fp32", VariantFolder(tmp_path))
    assert (candidate.name, candidate.folder, candidate.task) == ("try", tmp_path, "classification")
    assert variant.graphs == {"model": tmp_path / "graphs" / "model.onnx"}
