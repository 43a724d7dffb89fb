"""Both examples launched for real, from the command to the recorded decision. No outcome here hangs on a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy

from tasks.candidate.folder import load_candidate
from tasks.core.verdicts import Decision
from tasks.decision.policy import load_policy
from tasks.evidence import AnswerShapes, EvaluationEvidence, Evidence, Unmeasured
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from support.servers import S3Server

pytestmark = [pytest.mark.server, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
SHORT = {
    "latency_calls": 300, "latency_seconds": 4, "calls_per_batch": 10, "batch_seconds": 0.5, "soak_calls": 60,
    "soak_seconds": 2, "cold_starts": 2, "load_seconds": 4, "capacity_seconds": 1, "champion_seconds": 1, "rejected": "stop",
}  # fmt: skip
BIGRAM = ROOT / "candidates" / "sentiment_bigram"
MINILM = ROOT / "candidates" / "sentiment_minilm"


def launch(
    candidate: Path, home: Path, rows: int | None = None, last_stage: str = "capacity", **environment: str
) -> tuple[Decision, Evidence]:
    """Launch as a user would, under the limits of the candidate's own policy with fewer timed calls, and so many rows.

    Returns the decision from standard output and the evidence of the run's folder.
    """
    policy = load_policy(load_candidate(candidate, RECIPES).policy)
    short = policy.model_copy(update={"measure": policy.measure.model_copy(update=SHORT | {"last_stage": last_stage})})
    if rows:
        short = short.model_copy(update={"sample": policy.sample.model_copy(update={"rows": rows})})
    home.mkdir(parents=True, exist_ok=True)
    (home / f"{policy.name}.yaml").write_text(short.text())
    asked = [
        sys.executable,
        "-m",
        "flows.launch",
        str(candidate),
        "--policy",
        str(home / f"{policy.name}.yaml"),
        "--json",
    ]
    settings = os.environ | {"LAUNCHGATE_HOME": str(home)} | environment
    done = subprocess.run(asked, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    decision = Decision.model_validate_json(done.stdout)
    assert done.returncode == (0 if decision.outcome == "promote" else 1)
    return decision, Evidence.model_validate_json((home / "runs" / decision.run_id / "evidence.json").read_bytes())


def outcomes(decision: Decision, gate: str) -> dict[str | None, str]:
    """Return the gate's outcome by variant."""
    return {result.variant: result.outcome for result in decision.gates if result.gate == gate}


def tracked(address: str, run_id: str) -> Any:
    """Return the run as MLflow's own client reads it."""
    from mlflow import MlflowClient

    return MlflowClient(address).get_run(run_id)


def test_the_bigram_net_is_rejected_for_its_production_gap(tmp_path: Path) -> None:
    """Good on movie reviews and poor on what production asks: rejected, recorded in SQLite, and nothing promoted."""
    decision, evidence = launch(BIGRAM, tmp_path)
    assert decision.outcome == "reject"
    assert outcomes(decision, "production-gap")["fp32"] == "fail"
    assert outcomes(decision, "production-accuracy")["fp32"] == "fail"
    assert outcomes(decision, "export-parity") == {None: "pass"}
    assert outcomes(decision, "data-quality") == {None: "pass"}
    sample = evidence.model_dump()["sample"]
    assert sample["malformed_rows"] > 0
    assert sample["duplicated_rows"] > 0
    assert set(sample["by_status"]) == {"ok", "abstained", "error", "timeout"}
    run = tracked(f"sqlite:///{tmp_path / 'mlflow.db'}", decision.run_id)
    assert run.data.tags["outcome"] == "reject"
    assert run.info.status == "FINISHED"
    report = (tmp_path / "runs" / decision.run_id / "report.html").read_text()
    assert "Reject" in report
    assert len(report) < 3_000_000


def test_minilm_is_judged_on_production_from_s3_and_recorded_in_postgresql(
    tmp_path: Path, s3: S3Server, postgres: str
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
    (candidate / "candidate.yaml").write_text(settings.replace("../data/", f"{MINILM.parent}/data/"))
    with sqlalchemy.create_engine(postgres, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sqlalchemy.text("CREATE DATABASE examples"))
    address = postgres.replace("/postgres?", "/examples?")
    decision, evidence = launch(
        candidate, tmp_path / "home", rows=1500, last_stage="review", MLFLOW_TRACKING_URI=address, **s3.environment()
    )
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


def test_flight_delay_is_rejected_for_another_season(tmp_path: Path) -> None:
    """Numbers: right within 15 minutes, bounded by days, with errors in minutes; one carrier is far below the others."""
    decision, evidence = launch(prepared("flight_delay"), tmp_path)
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
    run = tracked(f"sqlite:///{tmp_path / 'mlflow.db'}", decision.run_id)
    assert run.data.metrics["error/production"] == found.production.error.estimate


def test_pronounce_is_rejected_for_words_that_its_dictionary_lacked(tmp_path: Path) -> None:
    """Sequences from two graphs: exact matches and phonemes to change; labels that are missing hide more errors."""
    decision, evidence = launch(prepared("pronounce"), tmp_path)
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
