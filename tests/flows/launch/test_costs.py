"""Which variants are measured in full, through the whole real flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.tiny import quick_policy, write_tiny

from flows.launch.flow import launch
from infra.ledger.mlflow_ledger import open_ledger
from tasks.evidence import LatencyEvidence, Unmeasured

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evidence import VariantEvidence

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect")]


def test_dearer_variants_are_not_measured_once_one_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few calls say which is cheaper; the other one is told to be dearer, and its answers are judged all the same."""
    monkeypatch.setenv("LAUNCHGATE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    policy = quick_policy(
        tmp_path / "quick.yaml", batches=[1, 8], soak_seconds=1, variants="until-one-passes", robustness_rows=40
    )  # fmt: skip
    decision = launch(str(write_tiny(tmp_path / "tiny")), str(policy))
    found = {each.name: each for each in open_ledger().load(decision.run_id).evidence.variants}
    assert list(found) == ["fp32", "int8-static"]
    assert (decision.outcome, decision.variant in found) == ("promote", True)
    (dearer,) = (each for each in found.values() if each.name != decision.variant)
    assert isinstance(found[str(decision.variant)].latency, LatencyEvidence)
    assert not isinstance(dearer.evaluation, Unmeasured)
    assert unmeasured(dearer) == f"{decision.variant} is cheaper and passes every blocking gate"


def unmeasured(variant: VariantEvidence) -> str:
    """Return why the times of a variant are lacking."""
    assert isinstance(variant.latency, Unmeasured)
    assert variant.latency == variant.memory == variant.robustness
    return variant.latency.why
