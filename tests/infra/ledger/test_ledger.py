"""The ledger against real stores: SQLite, PostgreSQL, an MLflow server, and the fake that flows are tested with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from support.ledger_example import DECIDED, POLICY, candidate, decision, evidence, launched, not_made

from infra.ledger.mlflow_ledger import MlflowLedger, open_ledger
from tasks.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from infra.ledger.port import Ledger

pytestmark = pytest.mark.server


class TestEveryLedger:
    """What flows rely on, the same in all three."""

    def test_a_launch_is_read_back_as_it_was(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """Evidence, decision and policy come back equal, to the last raw sample."""
        ledger.check()
        run_id = launched(ledger, model, tmp_path)
        recorded = ledger.load(run_id)
        assert recorded.evidence == evidence(model)
        assert recorded.decision == decision(model, run_id)
        assert recorded.policy_text == "name: selftest\n"

    def test_files_come_back(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """A launch's files, folders and variants can be fetched, also those of a folder that is no variant."""
        run_id = launched(ledger, model, tmp_path / "runs")
        kept = ledger.fetch(run_id, "candidate", tmp_path / "into")
        assert (kept / "adapter.py").read_text() == "# code\n"
        answers = ledger.fetch(run_id, "variants/champion/predictions.parquet", tmp_path / "into")
        assert answers.read_text() == "the champion's"
        files = ledger.fetch_variant(run_id, "int8", tmp_path / "into" / "variant")
        assert files == tmp_path / "into" / "variant"
        assert (files / "graphs" / "model.onnx").read_text() == "int8"
        assert (files / "latency.parquet").read_text() == "times"

    def test_a_missing_file_is_named(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """Asking for a file or variant that was not kept says which, and of which run."""
        run_id = launched(ledger, model, tmp_path / "runs")
        with pytest.raises(InputError, match=rf"{run_id}.*report\.html"):
            ledger.fetch(run_id, "report.html", tmp_path / "into")
        with pytest.raises(InputError, match=r"no variant.*int4"):
            ledger.fetch_variant(run_id, "int4", tmp_path / "into")

    def test_a_run_registers_one_version(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """Registering again gives the same version; another launch gets the next one, also when it is rejected."""
        first = launched(ledger, model, tmp_path)
        assert ledger.register(first, decision(model, first)) == "1"
        assert ledger.register(first, decision(model, first)) == "1"
        rejected = launched(ledger, model, tmp_path, variant=None)
        assert ledger.register(rejected, decision(model, rejected, None)) == "2"

    def test_a_launch_without_a_variant_registers_nothing(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """Where neither a chosen variant nor fp32 could be made there is no version, and no model."""
        run_id = launched(ledger, model, tmp_path, None, evidence(model, not_made("fp32"), not_made("int8")))
        assert ledger.register(run_id, decision(model, run_id, None)) == ""
        assert ledger.champion(model) is None

    def test_promoting_twice_changes_nothing(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """The second promotion of a decision reports the same and moves nothing."""
        run_id = launched(ledger, model, tmp_path)
        assert ledger.champion(model) is None
        first = ledger.promote(run_id)
        assert (first.version, first.previous, first.changed) == ("1", None, True)
        live = ledger.champion(model)
        again = ledger.promote(run_id)
        assert (again.version, again.previous, again.changed) == ("1", None, False)
        assert ledger.champion(model) == live
        assert live is not None
        assert (live.run_id, live.variant, live.decided_at) == (run_id, "int8", DECIDED)
        assert len(ledger.history(model)) == 1

    def test_a_reject_is_not_promoted(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """A rejected launch moves nothing, and the error says how to read why."""
        live = launched(ledger, model, tmp_path)
        ledger.promote(live)
        rejected = launched(ledger, model, tmp_path, variant=None)
        with pytest.raises(InputError, match=rf"decided reject.*launchgate show {rejected[:8]}"):
            ledger.promote(rejected)
        champion = ledger.champion(model)
        assert champion is not None
        assert champion.run_id == live

    def test_previous_champions_are_remembered(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """Over three promotions every champion stays known, with the one it replaced."""
        runs = [launched(ledger, model, tmp_path) for _ in range(3)]
        promotions = [ledger.promote(run_id) for run_id in runs]
        assert [promotion.previous for promotion in promotions] == [None, "1", "2"]
        assert [(past.version, past.previous, past.run_id) for past in ledger.history(model)] == [
            ("1", None, runs[0]),
            ("2", "1", runs[1]),
            ("3", "2", runs[2]),
        ]

    def test_an_old_decision_does_not_roll_back(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """Promoting a decision again after a newer one went live leaves the newer one live."""
        old, new = launched(ledger, model, tmp_path), launched(ledger, model, tmp_path)
        ledger.promote(old)
        ledger.promote(new)
        assert not ledger.promote(old).changed
        champion = ledger.champion(model)
        assert champion is not None
        assert champion.run_id == new

    def test_an_unrecorded_run_is_not_promoted(self, ledger: Ledger, model: str) -> None:
        """A run that stopped before its decision was recorded has nothing to promote."""
        run_id = ledger.start(candidate(model), POLICY, "launch", {})
        ledger.stop(run_id, "KILLED", "interrupted")
        with pytest.raises(InputError, match="not recorded to its end"):
            ledger.promote(run_id)

    def test_a_run_is_found(self, ledger: Ledger, model: str) -> None:
        """An id, its start, the run's name, and the candidate's folder all lead to the latest run that is meant."""
        older = ledger.start(candidate(model), POLICY, "launch", {})
        time.sleep(0.01)  # runs are ordered by milliseconds
        newer = ledger.start(candidate(model), POLICY, "launch", {})
        assert ledger.find(older) == older
        assert ledger.find(older[:12]) == older
        assert ledger.find(f"{model}_net · selftest") == newer
        assert ledger.find(f"{model}_net") == newer

    def test_a_watch_is_found_by_its_id_alone(self, ledger: Ledger, model: str, tmp_path: Path) -> None:
        """The name that a launch and its watches share means the launch, also where a watch is the newest run."""
        launched = ledger.start(candidate(model), POLICY, "launch", {})
        time.sleep(0.01)  # runs are ordered by milliseconds
        watched = ledger.start(candidate(model), POLICY, "watch", {"champion_run": launched})
        (tmp_path / "watch.json").write_text("{}")
        ledger.add(watched, tmp_path / "watch.json", {"verdict": "steady"}, {"watch/error-rate": 0.002})
        assert ledger.find(f"{model}_net") == launched
        assert ledger.find(watched[:12]) == watched
        with pytest.raises(InputError, match=launched[:8]):
            ledger.find(f"{model}_net · selftest · watch")

    def test_an_unknown_run_lists_the_last_ones(self, ledger: Ledger, model: str) -> None:
        """A name that is no run's, and a start that is too short, are answered with the runs there are."""
        run_id = ledger.start(candidate(model), POLICY, "launch", {})
        for unknown in ("nonsense", "it's", run_id[:3]):
            with pytest.raises(InputError, match=run_id[:8]):
                ledger.find(unknown)


@pytest.mark.server
def test_a_launch_on_a_server(
    mlflow_server: str, model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An MLflow server that keeps the files itself serves a launch like a database, and standard output stays free."""
    ledger = MlflowLedger(mlflow_server, None)
    ledger.check()
    run_id = launched(ledger, model, tmp_path / "runs")
    assert ledger.find(run_id[:8]) == run_id
    assert ledger.load(run_id).evidence == evidence(model)
    assert (ledger.fetch(run_id, "candidate", tmp_path) / "adapter.py").read_text() == "# code\n"
    assert (ledger.fetch_variant(run_id, "int8", tmp_path / "v") / "graphs" / "model.onnx").read_text() == "int8"
    with pytest.raises(InputError, match=r"has no file report\.html"):
        ledger.fetch(run_id, "report.html", tmp_path)
    assert ledger.champion(model) is None
    assert [ledger.promote(run_id).changed for _ in range(2)] == [True, False]
    champion = ledger.champion(model)
    assert champion is not None
    assert champion.run_id == run_id
    address = ledger.url(run_id)
    assert address is not None
    assert address.startswith(f"{mlflow_server}/#/experiments/")
    assert address.endswith(f"/runs/{run_id}?workflowType=machine_learning")
    assert ledger.pages("http://ui")[model].startswith("http://ui/#/experiments/")
    assert "Default" not in ledger.pages("http://ui")
    assert capfd.readouterr().out == ""


def test_the_default_ledger_is_under_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings a launch is kept in SQLite under `$LAUNCHGATE_HOME`; the variables replace address and files."""
    for name in ("MLFLOW_TRACKING_URI", "LAUNCHGATE_ARTIFACTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAUNCHGATE_HOME", str(tmp_path))
    ledger = open_ledger()
    assert (ledger.tracking_uri, ledger.artifact_root) == (f"sqlite:///{tmp_path}/mlflow.db", f"{tmp_path}/artifacts")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://host/db")
    monkeypatch.setenv("LAUNCHGATE_ARTIFACTS", "s3://bucket/launches")
    ledger = open_ledger()
    assert (ledger.tracking_uri, ledger.artifact_root) == ("postgresql+psycopg2://host/db", "s3://bucket/launches")


def test_mlflow_is_imported_late_and_reports_nothing(tmp_path: Path) -> None:
    """Importing the ledger does not load MLflow; using it turns telemetry off first and logs nothing."""
    code = (
        "import os, sys; from infra.ledger.mlflow_ledger import MlflowLedger; assert 'mlflow' not in sys.modules;"
        f"MlflowLedger('sqlite:///{tmp_path}/m.db', None).check(); from mlflow.telemetry.utils import is_telemetry_disabled;"
        "assert is_telemetry_disabled()"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "PYTEST"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
