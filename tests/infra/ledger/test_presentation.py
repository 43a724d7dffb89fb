"""What a launch looks like in MLflow."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.ledger_example import POLICY, SHA, decision, evidence, history, launched, measured
from support.review_example import review, review_rows

from tasks.core.files import digest
from tasks.core.run_folder import RunFolder

if TYPE_CHECKING:
    from infra.ledger.mlflow_ledger import MlflowLedger

pytestmark = pytest.mark.server


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
        sqlite_ledger.record(run_id, evidence(model), decision(model, run_id), RunFolder(tmp_path / run_id))
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
