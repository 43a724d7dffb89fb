"""Ledgers that are interrupted, and ledgers that are not there."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.ledger_example import POLICY, candidate, decision, evidence, launched
from support.servers import free_ports

from infra.ledger.mlflow_ledger import MlflowLedger
from tasks.core.errors import InputError
from tasks.core.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.server

GIVE_UP_SECONDS = 25  # far below the minutes for which MLflow's own settings go on trying


class TestInterruptions:
    """Ctrl-C and faults in the middle."""

    def test_an_interrupted_recording_promotes_nothing(
        self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ctrl-C while a variant is recorded leaves closed runs that cannot be promoted, and the next launch is clean."""

        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        run_id = sqlite_ledger.start(candidate(model), POLICY, "launch", {})
        with monkeypatch.context() as patch:
            patch.setattr(sqlite_ledger, "_record_child", interrupt)
            with pytest.raises(KeyboardInterrupt):
                sqlite_ledger.record(run_id, evidence(model), decision(model, run_id), RunFolder(tmp_path))
        sqlite_ledger.stop(run_id, "KILLED", "interrupted")
        statuses = {child.info.status for child in sqlite_ledger._runs.children(run_id).values()}
        assert statuses == {"KILLED"}
        assert sqlite_ledger._client.get_run(run_id).info.status == "KILLED"
        with pytest.raises(InputError, match="not recorded to its end"):
            sqlite_ledger.promote(run_id)
        assert sqlite_ledger.promote(launched(sqlite_ledger, model, tmp_path)).version == "1"

    @pytest.mark.parametrize(
        "step", ["set_registered_model_tag", "set_registered_model_alias", "set_model_version_tag"]
    )
    def test_an_interrupted_promotion_is_completed(
        self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        """A promotion cut off at any step is made whole by promoting again, with one entry in the history."""
        sqlite_ledger.promote(launched(sqlite_ledger, model, tmp_path))
        run_id = launched(sqlite_ledger, model, tmp_path)

        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(sqlite_ledger._client, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                sqlite_ledger.promote(run_id)
        assert sqlite_ledger.promote(run_id).previous == "1"
        champion = sqlite_ledger.champion(model)
        assert champion is not None
        assert (champion.run_id, champion.previous) == (run_id, "1")
        assert [past.version for past in sqlite_ledger.history(model)] == ["1", "2"]

    def test_a_folder_that_takes_no_files_is_told_at_the_start(self, tmp_path: Path, model: str) -> None:
        """Where files cannot be written the launch is refused before anything is measured, and its run is closed."""
        (tmp_path / "file").write_text("in the way")
        ledger = MlflowLedger(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "file" / "artifacts"))
        with pytest.raises(InputError, match="cannot write files to"):
            ledger.start(candidate(model), POLICY, "launch", {})
        (run,) = ledger._runs.launches()
        assert run.info.status == "FAILED"

    def test_a_deleted_experiment_is_explained(self, sqlite_ledger: MlflowLedger, model: str) -> None:
        """An experiment in MLflow's bin is not silently replaced; the error says how to restore it."""
        run_id = sqlite_ledger.start(candidate(model), POLICY, "launch", {})
        sqlite_ledger._client.delete_experiment(sqlite_ledger._client.get_run(run_id).info.experiment_id)
        with pytest.raises(InputError, match="mlflow experiments restore"):
            sqlite_ledger.start(candidate(model), POLICY, "launch", {})

    def test_a_champion_that_no_launch_made_is_explained(self, sqlite_ledger: MlflowLedger, model: str) -> None:
        """An alias on a foreign version is an error that says so, not a first launch."""
        sqlite_ledger._client.create_registered_model(model)
        sqlite_ledger._client.create_model_version(model, "/somewhere/else")
        sqlite_ledger._client.set_registered_model_alias(model, "champion", "1")
        with pytest.raises(InputError, match="version 1, which no launch registered"):
            sqlite_ledger.champion(model)

    def test_a_record_of_another_version_is_explained(
        self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path
    ) -> None:
        """Evidence that this version cannot read is named, with the run it lies in."""
        run_id = launched(sqlite_ledger, model, tmp_path)
        sqlite_ledger._client.log_text(run_id, '{"schema_version": 0}', "evidence.json")
        with pytest.raises(InputError, match=rf"evidence\.json of run {run_id} cannot be read"):
            sqlite_ledger.load(run_id)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Listen on a port and never answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    """Return a port that nobody listens on."""
    return free_ports(1)[0]


class TestUnreachable:
    """A ledger that is not there is told before anything is measured."""

    @pytest.mark.parametrize("kind", ["silent_port", "closed_port"])
    @pytest.mark.parametrize(
        "uri", ["http://user:secret@127.0.0.1:{}", "postgresql://user:secret@127.0.0.1:{}/launches"]
    )
    def test_no_answer_is_told_within_seconds(self, request: pytest.FixtureRequest, uri: str, kind: str) -> None:
        """A refused connection and a server that never answers are one clear error, soon, without the password."""
        ledger = MlflowLedger(uri.format(request.getfixturevalue(kind)), "artifacts")
        started = time.monotonic()
        with pytest.raises(InputError, match="does not answer") as caught:
            ledger.check()
        assert time.monotonic() - started < GIVE_UP_SECONDS
        assert "secret" not in str(caught.value)
        assert "MLFLOW_TRACKING_URI" in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("uri", "says"),
        [
            ("file:///tmp/mlruns", "cannot hold a ledger"),
            ("mlruns", "cannot hold a ledger"),
            ("sqlite:///:memory:", "name a file"),
            ("sqlite://", "name a file"),
            ("postgresql+nodriver://host/db", "does not answer"),
        ],
    )
    def test_an_address_that_holds_no_ledger(self, uri: str, says: str) -> None:
        """Addresses that MLflow or a launch cannot keep runs at are refused with what to give instead."""
        with pytest.raises(InputError, match=says):
            MlflowLedger(uri, "artifacts").check()

    @pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("not a database, just text" * 100)])
    def test_a_path_that_is_no_database(self, tmp_path: Path, make: Callable[[Path], Any]) -> None:
        """A folder or another file where the SQLite ledger should be is told at once."""
        make(tmp_path / "mlflow.db")
        started = time.monotonic()
        with pytest.raises(InputError, match="does not answer"):
            MlflowLedger(f"sqlite:///{tmp_path}/mlflow.db", None).check()
        assert time.monotonic() - started < GIVE_UP_SECONDS

    @pytest.mark.server
    def test_a_database_needs_a_place_for_files(self, postgres_uri: str) -> None:
        """PostgreSQL without an artifact root is refused, since the files would land in whatever folder is current."""
        with pytest.raises(InputError, match="give an artifact root"):
            MlflowLedger(postgres_uri, None).check()
