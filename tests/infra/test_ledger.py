"""The ledger against real stores: SQLite, PostgreSQL, an MLflow server, and the fake that flows are tested with."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import sqlalchemy
from review_example import review, review_rows, write_review
from servers import free_ports

from infra.ledger import Ledger, MemoryLedger, MlflowLedger, open_ledger
from tasks.evidence import (
    BatchPeak,
    BatchTimes,
    Environment,
    Evidence,
    LatencyEvidence,
    MemoryEvidence,
    Raw,
    Unmeasured,
    VariantEvidence,
)
from tasks.files import digest
from tasks.policy import load_policy
from tasks.records import Candidate, Columns, Data, Decision, GateResult, InputError, PolicyName, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.records import Outcome

pytestmark = pytest.mark.server

SHA = "ab" * 32
DECIDED = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
POLICY = load_policy("selftest")
SERVER_SETTINGS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
GIVE_UP_SECONDS = 25  # far below the minutes for which MLflow's own settings go on trying


@pytest.fixture(scope="session")
def postgres_uri(postgres: str) -> str:
    """Return a database of its own: MLflow and Prefect both keep their schema's version in one table's name."""
    with sqlalchemy.create_engine(postgres, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE ledger"))
    return postgres.replace("/postgres?", "/ledger?")


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an MLflow server that keeps the artifacts itself."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/server.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | SERVER_SETTINGS,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(address, process, folder / "log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # an orderly end takes long, and nothing of it is kept
        process.wait()


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310  our own server
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> MlflowLedger:
    """Return a ledger in a SQLite file."""
    folder = tmp_path_factory.mktemp("ledger")
    return MlflowLedger(f"sqlite:///{folder}/deep/mlflow.db", None)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Return each kind of ledger in turn."""
    if request.param == "memory":
        return MemoryLedger()
    if request.param == "sqlite":
        built: MlflowLedger = request.getfixturevalue("sqlite_ledger")
        return built
    return MlflowLedger(request.getfixturevalue("postgres_uri"), str(tmp_path_factory.mktemp("artifacts")))


@pytest.fixture
def model() -> str:
    """Return a model's name that no other test uses, since stores live for the session."""
    return f"model-{uuid.uuid4().hex[:8]}"


def candidate(model: str) -> Candidate:
    """Return a candidate that was read from a folder of its own name."""
    return Candidate.model_validate(
        {
            "name": model,
            "task": "classification",
            "adapter": "adapter.py",
            "checkpoint": {"path": "weights.pt", "sha256": SHA},
            "variants": ("fp32", "int8"),
            "data": Data(evaluation="e.parquet", calibration="c.parquet", production="log/"),
            "columns": Columns(id="id", time="ts", label="label", input=("text",), status="status"),
            "folder": Path(f"/candidates/{model}_net"),
        }
    )


def measured(name: str, calls: int = 1200, soak: int = 3) -> VariantEvidence:
    """Return a variant of which latency (200 calls a batch above 1) and memory were measured."""
    nothing = Unmeasured(stage="any", why="not part of this test")
    seconds = {1: tuple(0.001 + index * 1e-6 for index in range(calls)), 8: tuple(0.004 + i * 1e-6 for i in range(200))}
    return VariantEvidence(
        name=name,
        variant=Variant(name=name, sha256=SHA, graphs={"model": Path("model.onnx")}, size_bytes=5_000_000),
        provider=nothing,
        evaluation=nothing,
        calibration=nothing,
        label_free=nothing,
        latency=LatencyEvidence(
            target="cpu",
            threads=1,
            load_seconds=0.2,
            first_call_seconds=0.05,
            warmup_calls=10,
            batches=tuple(BatchTimes(batch=batch, seconds=times) for batch, times in seconds.items()),
            raw=Raw(path="variants/latency.parquet", sha256=SHA, rows=calls + 200),
        ),
        determinism=nothing,
        robustness=nothing,
        memory=MemoryEvidence(
            loaded_bytes=90_000_000,
            warm_bytes=91_000_000,
            peaks=(BatchPeak(batch=1, peak_bytes=92_000_000), BatchPeak(batch=8, peak_bytes=99_000_000)),
            soak_rss=tuple((calls, 91_000_000) for calls in range(soak)),
            soak_python=tuple((calls, 1_000_000) for calls in range(soak)),
        ),
        cost=nothing,
    )


def not_made(name: str) -> VariantEvidence:
    """Return a variant that could not be made."""
    why = Unmeasured(stage="quantize", why="an operator has no int8 form")
    parts = (
        "variant",
        "provider",
        "evaluation",
        "calibration",
        "label_free",
        "latency",
        "determinism",
        "robustness",
        "memory",
        "cost",
    )
    return VariantEvidence(name=name, **dict.fromkeys(parts, why))


def evidence(model: str, *variants: VariantEvidence) -> Evidence:
    """Return a launch's evidence of which only the variants were measured."""
    nothing = Unmeasured(stage="any", why="not part of this test")
    return Evidence(
        candidate=model,
        candidate_folder=f"{model}_net",
        candidate_sha256=SHA,
        task="classification",
        target="cpu",
        environment=Environment(
            python="3.11", platform="Linux", cpu="x86", cores=2, memory_bytes=1, gpu=None, packages={}, sha256=SHA
        ),
        sample=nothing,
        production_quality=nothing,
        evaluation_quality=nothing,
        drift=nothing,
        dependencies=nothing,
        export=nothing,
        review=nothing,
        variants=variants or (measured("fp32"), measured("int8")),
    )


def gate(name: str, variant: str | None, outcome: Outcome) -> GateResult:
    """Return a gate's result that says little."""
    return GateResult(
        gate=name,
        variant=variant,
        severity="block",
        outcome=outcome,
        observed=None if outcome == "unmeasured" else 0.5,
        bound=None,
        limit=1.0,
        unit="ms",
        confidence=0.95,
        because=f"{name} is {outcome}",
        checklist="week 1-2",
        checks=(),
    )


def decision(model: str, run_id: str, variant: str | None = "int8") -> Decision:
    """Return a decision: promote `variant`, or reject where there is none."""
    return Decision(
        candidate=model,
        candidate_sha256=SHA,
        outcome="promote" if variant else "reject",
        variant=variant,
        target="cpu",
        policy=PolicyName(name="selftest", sha256=SHA),
        reasons=(f"{variant} is the cheapest that passes",) if variant else ("latency is over the limit",),
        gates=(
            gate("sample-size", None, "pass"),
            gate("data-quality", None, "unmeasured"),
            gate("latency-slo", "fp32", "fail"),
            gate("latency-slo", "int8", "pass"),
            gate("unit-cost", "int8", "inconclusive"),
            gate("memory-leak", "int8", "unmeasured"),
        ),
        environment={"python": "3.11"},
        run_id=run_id,
        decided_at=DECIDED,
    )


def launched(
    ledger: Ledger, model: str, folder: Path, variant: str | None = "int8", seen: Evidence | None = None
) -> str:
    """Record a whole launch as a flow does and return its run."""
    run_id = ledger.start(candidate(model), POLICY, "launch", {"origin": "test"})
    seen = seen or evidence(model)
    decided = decision(model, run_id, variant)
    files = {
        "decision.json": decided.model_dump_json(by_alias=True),
        "evidence.json": seen.model_dump_json(),
        "policy.yaml": "name: selftest\n",
        "candidate/adapter.py": "# code\n",
        "variants/fp32/graphs/model.onnx": "fp32",
        "variants/int8/graphs/model.onnx": "int8",
        "variants/int8/latency.parquet": "times",
        "variants/champion/predictions.parquet": "the champion's",
    }
    for name, text in files.items():
        path = folder / run_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / run_id / "data").mkdir()
    if not isinstance(seen.review, Unmeasured):
        write_review(folder / run_id)
    rows = pd.DataFrame({"id": ["a", "b"], "label": [0, 1]})
    rows.to_parquet(folder / run_id / "data" / "evaluation.parquet")
    ledger.record(run_id, seen, decided, folder / run_id)
    ledger.stop(run_id, "FINISHED", decided.reasons[0])
    return run_id


def history(ledger: MlflowLedger, run_id: str, metric: str) -> dict[int, float]:
    """Return a metric's values by step."""
    return {point.step: point.value for point in ledger._client.get_metric_history(run_id, metric)}


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


class TestWhatMlflowShows:
    """What a launch looks like in MLflow."""

    def test_measurements_have_the_batch_size_as_step(
        self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path
    ) -> None:
        """A variant's curves run over batch sizes, with percentiles computed from the raw seconds."""
        run_id = launched(sqlite_ledger, model, tmp_path)
        child = sqlite_ledger._runs.children(run_id)["int8"].info.run_id
        p50 = history(sqlite_ledger, child, "latency/p50_ms")
        assert p50 == {1: pytest.approx(1.5995), 8: pytest.approx(4.0995)}
        assert history(sqlite_ledger, child, "latency/p99.9_ms").keys() == {1}
        assert history(sqlite_ledger, child, "throughput/rows_per_second")[8] == pytest.approx(8 / 0.0040995)
        assert history(sqlite_ledger, child, "memory/peak_mb") == {1: 92.0, 8: 99.0}
        assert history(sqlite_ledger, child, "latency_batch1/p50_ms") == {0: pytest.approx(1.5995)}

    def test_the_launch_carries_the_chosen_variants_headline(
        self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path
    ) -> None:
        """A parent run can be compared by the single numbers of its variant, and curves stay with the variants."""
        run = sqlite_ledger._client.get_run(launched(sqlite_ledger, model, tmp_path))
        assert run.data.metrics["latency_batch1/p99_ms"] == pytest.approx(2.18701)
        assert run.data.tags["launchgate.headline_variant"] == "int8"
        assert "latency/p99_ms" not in run.data.metrics

    def test_gates_are_metrics_and_tags(self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path) -> None:
        """A pass is 1, any other verdict 0, and an unmeasured gate has its tag but no number."""
        run_id = launched(sqlite_ledger, model, tmp_path)
        parent = sqlite_ledger._client.get_run(run_id).data
        child = sqlite_ledger._runs.children(run_id)["int8"].data
        assert {name: value for name, value in parent.metrics.items() if name.startswith("gate/")} == {
            "gate/sample-size": 1
        }
        assert parent.tags["gate.data-quality"] == "unmeasured"
        assert (child.metrics["gate/latency-slo"], child.metrics["gate/unit-cost"]) == (1, 0)
        assert child.tags["gate.unit-cost"] == "inconclusive"
        assert child.tags["gate.memory-leak"] == "unmeasured"
        assert "gate/memory-leak" not in child.metrics

    def test_gates_are_a_table(
        self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """MLflow itself reads the gates as one of its tables, a row each."""
        monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_ledger.tracking_uri)  # its reader of tables looks only there
        run_id = launched(sqlite_ledger, model, tmp_path)
        experiment = sqlite_ledger._client.get_run(run_id).info.experiment_id
        table = sqlite_ledger._client.load_table(experiment, "gates.json", [run_id])
        assert table["gate"].tolist()[1:3] == ["data-quality", "latency-slo (fp32)"]
        assert table["outcome"].tolist() == [result.outcome for result in decision(model, run_id).gates]
        assert table["because"].tolist()[0] == "sample-size is pass"

    def test_requests_to_read_are_a_table(
        self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """MLflow itself reads them as one of its tables, and knows of it."""
        monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_ledger.tracking_uri)  # its reader of tables looks only there
        run_id = launched(sqlite_ledger, model, tmp_path, seen=evidence(model).model_copy(update={"review": review()}))
        run = sqlite_ledger._client.get_run(run_id)
        table = sqlite_ledger._client.load_table(run.info.experiment_id, "review.json", [run_id])
        assert table["id"].tolist() == [row.id for row in review_rows()]
        assert set(table["fp32"]) == {"positive", "negative", "abstained"}
        assert table["int8-static confidence"].max() == 0.93
        assert table["input text"].str.len().max() == 2000
        logged = json.loads(run.data.tags["mlflow.loggedArtifacts"])
        assert [item["path"] for item in logged] == ["gates.json", "review.json"]

    def test_data_sets_are_inputs_with_whole_digests(
        self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path
    ) -> None:
        """Each data set is an input of the run, known by the SHA-256 of its file."""
        run_id = launched(sqlite_ledger, model, tmp_path)
        (found,) = sqlite_ledger._client.get_run(run_id).inputs.dataset_inputs
        tags = {tag.key: tag.value for tag in found.tags}
        expected = digest(tmp_path / run_id / "data" / "evaluation.parquet")
        assert tags == {"mlflow.data.context": "evaluation", "sha256": expected}
        assert found.dataset.digest == expected[:36]
        assert json.loads(found.dataset.profile) == {"num_rows": 2}

    def test_runs_say_what_they_are(self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path) -> None:
        """Names, parameters, tags and the description tell a reader the launch and its verdict."""
        run_id = launched(sqlite_ledger, model, tmp_path)
        run = sqlite_ledger._client.get_run(run_id)
        assert run.info.run_name == f"{model}_net · selftest"
        assert run.info.status == "FINISHED"
        assert run.data.params["variants"] == "fp32, int8"
        assert run.data.params["candidate_sha256"] == SHA
        assert run.data.params["sample_seed"] == str(POLICY.sample.seed)
        assert run.data.tags["outcome"] == "promote"
        assert run.data.tags["origin"] == "test"
        assert run.data.tags["mlflow.note.content"].startswith("**PROMOTE**")
        children = sqlite_ledger._runs.children(run_id)
        assert list(children) == ["fp32", "int8"]
        assert {child.info.status for child in children.values()} == {"FINISHED"}
        assert sqlite_ledger.url(run_id) is None

    def test_a_version_carries_its_decision(self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path) -> None:
        """A registry version leads back to the launch, the variant and the digests, and its files can be loaded."""
        run_id = launched(sqlite_ledger, model, tmp_path)
        version = sqlite_ledger._client.get_model_version(
            model, sqlite_ledger.register(run_id, decision(model, run_id))
        )
        assert version.tags["launch_run"] == run_id
        assert version.tags["outcome"] == "promote"
        assert (version.tags["variant"], version.tags["variant_sha256"]) == ("int8", SHA)
        source = Path(str(version.source).removeprefix("file://"))
        assert (source / "graphs" / "model.onnx").read_text() == "int8"

    def test_more_points_than_one_call_takes(self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path) -> None:
        """A soak of 1,700 samples arrives whole although MLflow takes 1,000 points a call."""
        run_id = launched(sqlite_ledger, model, tmp_path, "fp32", evidence(model, measured("fp32", soak=1700)))
        child = sqlite_ledger._runs.children(run_id)["fp32"].info.run_id
        points = history(sqlite_ledger, child, "soak/resident_mb")
        assert sorted(points) == list(range(1700))

    def test_recording_again_adds_nothing(self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path) -> None:
        """A recording that is tried again after a fault leaves one child a variant and one point a step."""
        run_id = launched(sqlite_ledger, model, tmp_path)
        sqlite_ledger.record(run_id, evidence(model), decision(model, run_id), tmp_path / run_id)
        query = f"tags.`mlflow.parentRunId` = '{run_id}'"
        experiment = sqlite_ledger._client.get_run(run_id).info.experiment_id
        children = sqlite_ledger._client.search_runs([experiment], query)
        assert sorted(child.info.run_name for child in children) == ["fp32", "int8"]
        assert len(sqlite_ledger._client.get_metric_history(children[0].info.run_id, "latency/p50_ms")) == 2

    def test_launches_of_one_process_do_not_mix(self, sqlite_ledger: MlflowLedger, model: str, tmp_path: Path) -> None:
        """Two launches that are recorded at the same time keep their own numbers, and nothing becomes MLflow's active run."""
        import mlflow

        seen = [evidence(model, measured("fp32", calls=calls)) for calls in (1000, 2000)]
        runs: list[str] = ["", ""]

        def launch(index: int) -> None:
            runs[index] = launched(sqlite_ledger, model, tmp_path, "fp32", seen[index])

        threads = [threading.Thread(target=launch, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        medians = [sqlite_ledger._client.get_run(run_id).data.metrics["latency_batch1/p50_ms"] for run_id in runs]
        assert medians == [pytest.approx(1.4995), pytest.approx(1.9995)]
        assert mlflow.active_run() is None


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
    assert capfd.readouterr().out == ""


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
                sqlite_ledger.record(run_id, evidence(model), decision(model, run_id), tmp_path)
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
        "import os, sys; from infra.ledger import MlflowLedger; assert 'mlflow' not in sys.modules;"
        f"MlflowLedger('sqlite:///{tmp_path}/m.db', None).check(); from mlflow.telemetry.utils import is_telemetry_disabled;"
        "assert is_telemetry_disabled()"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "PYTEST"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
