"""The deployments of prefect.yaml, run by a real worker of a real Prefect server on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.servers import end_group
from support.tiny import quick_policy, write_tiny

from infra.ledger.mlflow_ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 400
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(frozen=True)
class Deployed:
    """A server that knows the deployments, and a worker that serves them; `folder` holds what launches leave."""

    api: str
    folder: Path
    environment: dict[str, str]

    def prefect(self, *arguments: str) -> str:
        """Run a command of Prefect's in the checkout, as a user would, and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments], cwd=ROOT, env=self.environment, capture_output=True,
            text=True, timeout=WAIT_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        """Trigger a deployment as a program would, wait for its end, and return its flow run as the server knows it."""
        known = self.ask(f"deployments/name/{deployment}")["id"]
        run: dict[str, Any] = self.ask(f"deployments/{known}/create_flow_run", {"parameters": parameters})
        until = time.monotonic() + WAIT_SECONDS
        while run["state"]["type"] not in ENDED:
            assert time.monotonic() < until, run["state"]
            time.sleep(0.5)
            run = self.ask(f"flow_runs/{run['id']}")
        return run

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return what the server's API answers."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.api}/{path}", data, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  loopback
            return json.load(answer)


@pytest.fixture(scope="module")
def deployed(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Make the work pool, deploy all from the checkout, and start a worker in a shell's surroundings."""
    folder = tmp_path_factory.mktemp("deployed")
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"} | {
        "PWD": str(ROOT),
        "PREFECT_API_URL": prefect_api,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "LAUNCHGATE_HOME": str(folder / "home"),
        "COLUMNS": "200",
    }
    found = Deployed(prefect_api, folder, environment)
    found.prefect("work-pool", "create", "launchgate", "--type", "process")
    found.prefect("--no-prompt", "deploy", "--all")
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "launchgate", "--limit", "1"],
            cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            yield found
        finally:
            end_group(worker)


@pytest.fixture(scope="module")
def promoted(deployed: Deployed) -> dict[str, Any]:
    """Launch a sound candidate through its deployment, by Prefect's own command."""
    candidate = write_tiny(deployed.folder / "sound", settings={"variants": ["fp32"]})
    policy = quick_policy(deployed.folder / "quick.yaml", block=("export-parity", "repeatability"), last_stage="review")
    asked = [f"--param={name}={json.dumps(str(path))}" for name, path in (("candidate", candidate), ("policy", policy))]
    deployed.prefect("deployment", "run", "launch/launch", *asked, "--watch", "--watch-interval=1")
    (run,) = deployed.ask("flow_runs/filter", {"deployments": {"name": {"any_": ["launch"]}}})
    found: dict[str, Any] = run
    return found


@pytest.fixture(autouse=True)
def ledger_of_the_worker(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `open_ledger` open the one that the worker's launches are recorded in."""
    monkeypatch.setenv("LAUNCHGATE_HOME", deployed.environment["LAUNCHGATE_HOME"])
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_deployed_launch_promotes_what_it_was_given(deployed: Deployed, promoted: dict[str, Any]) -> None:
    """A candidate and a policy given as parameters come to a recorded decision, and the alias moves."""
    ledger = open_ledger()
    decision = ledger.load(ledger.find("sound")).decision
    champion = ledger.champion("tiny")
    assert promoted["state"]["type"] == "COMPLETED"
    assert (decision.outcome, decision.variant, decision.policy.name) == ("promote", "fp32", "quick")
    assert champion is not None
    assert champion.run_id == decision.run_id
    artifacts = {item["key"]: item for item in _artifacts(deployed, promoted)}
    assert {row["gate"] for row in json.loads(artifacts["launch-tiny"]["data"])} == {g.gate for g in decision.gates}
    assert decision.run_id in artifacts["launch-tiny"]["description"]
    assert artifacts["progress-tiny"]["data"] == 100


def test_the_deployed_revalidation_is_weekly_and_keeps(deployed: Deployed, promoted: dict[str, Any]) -> None:
    """The second deployment has a weekly schedule; triggered for a champion that nothing changed around, it keeps it."""
    assert promoted["state"]["type"] == "COMPLETED"
    deployment = deployed.ask("deployments/name/revalidate/revalidate")
    assert [item["schedule"]["cron"] for item in deployment["schedules"]] == ["0 5 * * 1"]
    assert all(item["active"] for item in deployment["schedules"])
    run = deployed.run("revalidate/revalidate", model="tiny")
    (artifact,) = _artifacts(deployed, run)
    assert run["state"]["type"] == "COMPLETED"
    assert artifact["key"] == "revalidate-tiny"
    assert artifact["description"].startswith("**keep** version 1 (fp32)")


def test_the_deployed_watch_is_daily_and_says_when_nothing_was_logged(
    deployed: Deployed, promoted: dict[str, Any]
) -> None:
    """The third deployment runs every morning; a champion whose log ended with its launch is unmeasured, not steady."""
    assert promoted["state"]["type"] == "COMPLETED"
    deployment = deployed.ask("deployments/name/watch/watch")
    assert [item["schedule"]["cron"] for item in deployment["schedules"]] == ["0 6 * * *"]
    assert all(item["active"] for item in deployment["schedules"])
    run = deployed.run("watch/watch", model="tiny")
    (artifact,) = _artifacts(deployed, run)
    assert run["state"]["type"] == "COMPLETED"
    assert artifact["key"] == "watch-tiny"
    assert artifact["description"].startswith("**unmeasured** version 1 (fp32), 0 requests")
    assert "no request is logged in" in artifact["description"]


def _artifacts(deployed: Deployed, run: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployed.ask("artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    return found
