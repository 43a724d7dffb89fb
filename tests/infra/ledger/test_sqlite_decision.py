"""A decision read without MLflow is the one that MLflow's client reads, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.ledger_example import decision, launched

from infra.ledger.sqlite_decision import read_decision

if TYPE_CHECKING:
    from pathlib import Path

    from infra.ledger.mlflow_ledger import MlflowLedger

pytestmark = pytest.mark.server


def test_a_run_is_found_as_the_ledger_finds_it(sqlite_ledger: MlflowLedger, model: str, tmp_path: Path) -> None:
    """By its id, the start of it, its name and its candidate's folder: the newest where several have that."""
    launched(sqlite_ledger, model, tmp_path / "first")
    run_id = launched(sqlite_ledger, model, tmp_path / "second")
    run = sqlite_ledger._client.get_run(run_id)
    for name in (run_id, run_id[:8], str(run.info.run_name), run.data.tags["launchgate.folder"]):
        found = read_decision(sqlite_ledger.tracking_uri, name)
        assert found == sqlite_ledger.load(sqlite_ledger.find(name)).decision
        assert found == decision(model, found.run_id)


def test_what_it_cannot_tell_is_left_to_the_ledger(sqlite_ledger: MlflowLedger, model: str, tmp_path: Path) -> None:
    """An unknown run, a deleted one, one whose decision is gone or broken, no SQLite file, and another kind of ledger."""
    address = sqlite_ledger.tracking_uri
    run_id = launched(sqlite_ledger, model, tmp_path)
    assert read_decision(address, run_id) is not None
    assert read_decision(address, "nobody's run") is None
    assert read_decision(f"sqlite:///{tmp_path}/none.db", run_id) is None
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("no database " * 100)
    assert read_decision(f"sqlite:///{tmp_path}/text.db", run_id) is None
    assert read_decision("postgresql://localhost/mlflow", run_id) is None
    kept = sqlite_ledger.fetch(run_id, "decision.json", tmp_path / "kept")
    sqlite_ledger._client.log_text(run_id, "{}", "decision.json")
    assert read_decision(address, run_id) is None
    sqlite_ledger._client.log_text(run_id, kept.read_text(), "decision.json")
    assert read_decision(address, run_id) is not None
    sqlite_ledger._client.delete_run(run_id)
    assert read_decision(address, run_id) is None
