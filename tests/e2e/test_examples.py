"""The examples launched for real, to the recorded decision. No outcome here hangs on a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import sqlalchemy

from flows.launch.flow import launch
from tasks.candidate.folder import load_candidate
from tasks.decision.policy import load_policy
from tasks.evidence import AnswerShapes, EvaluationEvidence, Evidence, Unmeasured
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from support.servers import S3Server

    from tasks.core.verdicts import Decision

pytestmark = [pytest.mark.server, pytest.mark.timeout(1500), pytest.mark.usefixtures("prefect")]

ROOT = Path(__file__).parents[2]
SHORT = {
    "latency_calls": 300, "latency_seconds": 4, "calls_per_batch": 10, "batch_seconds": 0.5, "soak_calls": 60,
    "soak_seconds": 2, "cold_starts": 2, "load_seconds": 4, "champion_seconds": 1, "rejected": "stop",
}  # fmt: skip
BIGRAM = ROOT / "candidates" / "sentiment_bigram"
MINILM = ROOT / "candidates" / "sentiment_minilm"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return launchgate's home, with the ledger in it."""
    monkeypatch.setenv("LAUNCHGATE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "home"


def launched(
    candidate: Path, home: Path, rows: int | None = None, last_stage: str = "load"
) -> tuple[Decision, Evidence]:
    """Launch under the limits of the candidate's own policy with fewer timed calls, and so many rows.

    Returns the decision, and the evidence of the run's folder.
    """
    policy = load_policy(load_candidate(candidate, RECIPES).policy)
    short = policy.model_copy(update={"measure": policy.measure.model_copy(update=SHORT | {"last_stage": last_stage})})
    if rows:
        short = short.model_copy(update={"sample": policy.sample.model_copy(update={"rows": rows})})
    home.mkdir(parents=True, exist_ok=True)
    (home / f"{policy.name}.yaml").write_text(short.text())
    decision = launch(str(candidate), str(home / f"{policy.name}.yaml"))
    return decision, Evidence.model_validate_json((home / "runs" / decision.run_id / "evidence.json").read_bytes())


def outcomes(decision: Decision, gate: str) -> dict[str | None, str]:
    """Return the gate's outcome by variant."""
    return {result.variant: result.outcome for result in decision.gates if result.gate == gate}


def tracked(address: str, run_id: str) -> Any:
    """Return the run as MLflow's own client reads it."""
    from mlflow import MlflowClient

    return MlflowClient(address).get_run(run_id)


def test_the_bigram_net_is_rejected_for_its_production_gap(home: Path) -> None:
    """Good on movie reviews and poor on what production asks: rejected, recorded in SQLite, and nothing promoted."""
    decision, evidence = launched(BIGRAM, home)
    assert decision.outcome == "reject"
    assert outcomes(decision, "production-gap")["fp32"] == "fail"
    assert outcomes(decision, "production-accuracy")["fp32"] == "fail"
    assert outcomes(decision, "export-parity") == {None: "pass"}
    assert outcomes(decision, "data-quality") == {None: "pass"}
    sample = evidence.model_dump()["sample"]
    assert sample["malformed_rows"] > 0
    assert sample["duplicated_rows"] > 0
    assert set(sample["by_status"]) == {"ok", "abstained", "error", "timeout"}
    run = tracked(f"sqlite:///{home / 'mlflow.db'}", decision.run_id)
    assert run.data.tags["outcome"] == "reject"
    assert run.info.status == "FINISHED"
    report = (home / "runs" / decision.run_id / "report.html").read_text()
    assert "Reject" in report
    assert len(report) < 3_000_000


def test_minilm_is_judged_on_production_from_s3_and_recorded_in_postgresql(
    home: Path, tmp_path: Path, s3: S3Server, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its int8 variants pass the evaluation set and fail on production or on batches; fp32 holds its accuracy."""
    client = s3.client()
    client.create_bucket(Bucket="sentiment")
    log = MINILM.parent / "data" / "sentiment" / "log"
    for path in (path for path in sorted(log.rglob("*")) if path.is_file()):
        client.upload_file(str(path), "sentiment", f"log/{path.relative_to(log).as_posix()}")
    candidate = tmp_path / "sentiment_minilm"
    shutil.copytree(MINILM, candidate, ignore=shutil.ignore_patterns("__pycache__"))
    settings = (MINILM / "candidate.yaml").read_text()
    settings = settings.replace("../data/sentiment/log/", "s3://sentiment/log/")
    (candidate / "candidate.yaml").write_text(settings.replace("../data/sentiment/", ""))
    for name, rows in (("evaluation", 1200), ("calibration", 400)):  # half as many, to be done sooner
        pd.read_parquet(MINILM.parent / "data" / "sentiment" / f"{name}.parquet").head(rows).to_parquet(
            candidate / f"{name}.parquet"
        )
    with sqlalchemy.create_engine(postgres, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE examples"))
    address = postgres.replace("/postgres?", "/examples?")
    for name, value in {"MLFLOW_TRACKING_URI": address, **s3.environment()}.items():
        monkeypatch.setenv(name, value)
    decision, evidence = launched(candidate, home, rows=1500, last_stage="review")
    assert outcomes(decision, "batch-invariance") == {"fp32": "pass", "int8-dynamic": "fail", "int8-static": "pass"}
    assert outcomes(decision, "quantization-loss")["fp32"] == "pass"
    assert outcomes(decision, "quantization-loss")["int8-static"] == "fail"
    assert outcomes(decision, "production-accuracy")["fp32"] == "pass"
    assert outcomes(decision, "production-gap")["fp32"] == "pass"
    assert decision.outcome == "reject"  # the stages that time, whose gates block, are not measured here
    assert json.loads(evidence.model_dump_json())["sample"]["source"] == "s3://sentiment/log/"
    run = tracked(address, decision.run_id)
    assert run.data.tags["outcome"] == decision.outcome
    assert run.data.metrics["accuracy/production"] > 0.7


def test_flight_delay_is_rejected_for_another_season(home: Path) -> None:
    """Numbers: right within 15 minutes, bounded by days, with errors in minutes; one carrier is far below the others."""
    decision, evidence = launched(prepared("flight_delay"), home)
    assert decision.outcome == "reject"
    assert evidence.marking.tolerance == 15
    assert outcomes(decision, "slice-accuracy")["fp32"] == "fail"
    assert outcomes(decision, "data-quality") == {None: "pass"}
    assert outcomes(decision, "batch-invariance") == {"fp32": "pass", "int8-dynamic": "fail", "int8-static": "pass"}
    found = evidence.variants[0].evaluation
    assert isinstance(found, EvaluationEvidence)
    assert found.evaluation.error is not None
    assert found.production.error is not None
    assert (found.production.error.by, found.production.error.clusters) == ("days", 60)
    assert 10 < found.evaluation.error.estimate < found.production.error.estimate < 20
    assert found.production.overall.right.trials < 0.6 * found.production.overall.labelled  # days differ
    run = tracked(f"sqlite:///{home / 'mlflow.db'}", decision.run_id)
    assert run.data.metrics["error/production"] == found.production.error.estimate


def test_pronounce_is_rejected_for_words_that_its_dictionary_lacked(home: Path) -> None:
    """Sequences from two graphs: exact matches and phonemes to change; labels that are missing hide more errors."""
    decision, evidence = launched(prepared("pronounce"), home)
    assert decision.outcome == "reject"
    for gate in ("production-gap", "slice-accuracy"):
        assert outcomes(decision, gate)["fp32"] == "fail"
    assert outcomes(decision, "sample-size") == {None: "fail"}
    assert outcomes(decision, "export-parity") == {None: "pass"}
    fp32 = evidence.variants[0]
    assert not isinstance(fp32.variant, Unmeasured)
    assert sorted(fp32.variant.graphs) == ["encoder", "step"]
    assert isinstance(fp32.evaluation, EvaluationEvidence)
    assert isinstance(fp32.evaluation.shapes, AnswerShapes)
    assert fp32.evaluation.production.error is not None
    assert 0.1 < fp32.evaluation.production.error.estimate < 0.25


def prepared(name: str) -> Path:
    """Return the folder of an example, prepared as a user would."""
    folder = ROOT / "candidates" / name
    subprocess.run([sys.executable, str(folder / "prepare.py")], check=True, capture_output=True)
    return folder
