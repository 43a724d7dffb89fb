"""The command as a user and a program meet it: help, exit status, and what stands on which stream."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch
from support.command import Command
from support.tiny import ADAPTER, POLICIES, TORCH_BUILD, quick_policy, tiny_weights, write_settings, write_tiny

from flows.cli import app
from tasks.core.verdicts import Decision
from tasks.evidence import Evidence, SampleEvidence
from tasks.gates import GATES

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = sorted(command.callback.__name__ for command in app.registered_commands if command.callback)
NOISE = """
import atexit
import os

print("a library's greeting")
atexit.register(print, "a library's farewell")
os.write(1, b"a greeting from C\\n")
"""
ESCAPE = "\x1b"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command: Command, name: str) -> None:
    """Help is on standard output, with status 0."""
    said = command(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"Usage: launchgate {name}" in said.out


def test_without_a_command_the_help_is_shown(command: Command) -> None:
    """No arguments are no command: all commands are listed, and the status is 2."""
    said = command()
    assert (said.code, said.err) == (2, "")
    assert all(f" {name} " in said.out for name in COMMANDS)
    asked = command("--help")
    assert (asked.code, asked.err, asked.out.strip()) == (0, "", said.out.strip())


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("frobnicate",), "no such command 'frobnicate'; see launchgate --help"),
        (("launch",), "missing argument 'candidate'; see launchgate launch --help"),
        (
            ("launch", "x", "--polcy", "y"),
            "no such option: --polcy (Possible options: --policy); see launchgate launch --help",
        ),
        (("ui", "--mlflow-port", "web"), "see launchgate ui --help"),
    ],
)
def test_a_command_that_cannot_be_understood_leaves_with_2(
    command: Command, arguments: tuple[str, ...], wanted: str
) -> None:
    """One line says what is wrong and where to look it up."""
    said = command.refuses(*arguments)
    assert said.endswith(wanted)
    assert "\n" not in said


def test_gates_are_listed_for_people_and_for_programs(command: Command) -> None:
    """Every gate, what it decides and what it needs; piped output has no colour codes."""
    listed = json.loads(command("gates", "--json").out)
    assert listed == [
        {
            "gate": name,
            "decides": gate.DECIDES,
            "needs": gate.NEEDS,
            "checklist": gate.CHECKLIST,
            "scope": gate.SCOPE,
        }
        for name, gate in GATES.items()
    ]
    table = command("gates").out
    assert all(name in table for name in GATES)
    assert ESCAPE not in table


def test_an_unexpected_error_is_one_line_and_its_trace_is_kept(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What launchgate did not foresee gives status 2, its name, and where the trace is."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr("infra.ledger.mlflow_ledger.open_ledger", fail)
    said = command.refuses("show", "abcd")
    assert said == f"ZeroDivisionError: by chance; the trace is in {home}/launchgate.log"
    assert "Traceback" in (home / "launchgate.log").read_text()


def test_the_flow_is_a_module_too(tmp_path: Path) -> None:
    """`python -m flows.launch` is the launch command."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.launch", "nothere"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"launchgate: there is no candidate folder at {tmp_path}/nothere; ")


class Launched(NamedTuple):
    """A launch through the command, in a process of its own."""

    home: Path
    done: subprocess.CompletedProcess[str]

    @property
    def decision(self) -> Decision:
        """Return what stood on standard output."""
        return Decision.model_validate_json(self.done.stdout)


@pytest.fixture(scope="module")
def launched(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """Launch a noisy candidate outside of the repository by a relative path, its weights a torch state dict."""
    folder = tmp_path_factory.mktemp("cli")
    adapter = (NOISE + ADAPTER.replace(*TORCH_BUILD)).replace(
        "    found = [", "    print('x')\n    os.write(1, b'y')\n    found = ["
    )
    tiny = write_tiny(folder / "candidates" / "tiny", adapter=adapter)
    torch.save(tiny_weights(), tiny / "weights.pt")
    write_settings(tiny, {"variants": ["fp32"]}, weights="weights.pt")
    quick_policy(folder / "quick.yaml", arrivals="replay")
    (folder / "elsewhere").mkdir()
    environment = os.environ | {"PREFECT_API_URL": prefect_api, "LAUNCHGATE_HOME": str(folder / "home")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "launch", "../candidates/tiny", "--policy", "../quick.yaml", "--json"],
        env=environment, capture_output=True, text=True, check=False, cwd=folder / "elsewhere",
    )  # fmt: skip
    return Launched(folder / "home", done)


@pytest.fixture
def ledger(launched: Launched, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return the command line, at work in the home of the launch."""
    monkeypatch.setenv("LAUNCHGATE_HOME", str(launched.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Command(capfd)


@pytest.mark.server
def test_json_is_alone_on_standard_output(launched: Launched) -> None:
    """Whatever libraries and adapters print, in Python and in C, standard output holds the decision and nothing else."""
    assert launched.done.returncode == 0, launched.done.stderr
    assert launched.decision.outcome == "promote"
    assert "a library's greeting" in launched.done.stderr
    assert "a greeting from C" in launched.done.stderr
    assert "a library's farewell" in launched.done.stderr
    assert ESCAPE not in launched.done.stderr


@pytest.mark.server
def test_progress_is_on_standard_error_and_prefects_log_in_a_file(launched: Launched) -> None:
    """Each stage is told when it begins, at its place among all, and when it is done; Prefect's own lines are not there."""
    begun = re.findall(r"\[(\d+)/(\d+)\] [\w: -]+ begins", launched.done.stderr)
    assert [int(place) for place, _ in begun] == list(range(1, int(begun[0][1]) + 1))
    for stage in ("sample", "export", "fp32: latency", "fp32: memory", "report"):
        assert f"  {stage} done in " in launched.done.stderr
    assert "task_runs" not in launched.done.stderr
    assert "prefect.task_runs" in (launched.home / "launchgate.log").read_text()


@pytest.mark.server
def test_everything_is_left_in_the_home(launched: Launched) -> None:
    """LAUNCHGATE_HOME holds ledger, runs and store; where the command ran nothing is left."""
    assert {"mlflow.db", "artifacts", "runs", "store", "launchgate.log"} <= {
        item.name for item in launched.home.iterdir()
    }
    assert list((launched.home.parent / "elsewhere").iterdir()) == []
    run = launched.home / "runs" / launched.decision.run_id
    assert {"decision.json", "evidence.json", "policy.yaml", "environment.json", "report.html"} <= {
        item.name for item in run.iterdir()
    }


@pytest.mark.server
def test_times_to_replay_are_those_of_every_request_of_the_window(launched: Launched) -> None:
    """However few requests are drawn, where the policy asks for a replay."""
    run = launched.home / "runs" / launched.decision.run_id
    sample = Evidence.model_validate_json((run / "evidence.json").read_bytes()).sample
    assert isinstance(sample, SampleEvidence)
    assert len(np.load(run / "data" / "production.times.npy")) == sample.log_rows - sample.outside_window_rows > 100


@pytest.mark.server
def test_a_recorded_run_is_shown_and_judged_alike(launched: Launched, ledger: Command) -> None:
    """`show` gives the recorded decision; `judge` comes to it again; another policy judges by its own numbers."""
    run = launched.decision.run_id
    assert Decision.model_validate_json(ledger("show", run[:8], "--json").out) == launched.decision
    shown = ledger("show", "tiny")
    assert shown.code == 0
    assert shown.out.startswith("✓ promote  tiny fp32 (policy ")
    assert str(launched.home / "runs" / run / "report.html") in shown.out.replace("\n", "")
    assert ESCAPE not in shown.out
    judged = Decision.model_validate_json(ledger("judge", run, "--json").out)
    assert judged.model_copy(update={"decided_at": launched.decision.decided_at}) == launched.decision
    stern = ledger("judge", run, "--policy", "standard", "--json")
    assert stern.code == 1
    assert Decision.model_validate_json(stern.out).policy.name == "standard"
    assert ledger("judge", run, "--policy", POLICIES / "selftest.yaml").code == 1


@pytest.mark.server
def test_show_and_judge_tell_all_when_asked(launched: Launched, ledger: Command) -> None:
    """`--verbose` has the sentence of every result, of the recorded decision and of one that was made again."""
    wanted = [" ".join(result.because.split()) for result in launched.decision.gates]
    for name in ("show", "judge"):
        said = " ".join(ledger(name, launched.decision.run_id, "--verbose").out.split())
        assert all(sentence in said for sentence in wanted), name


@pytest.mark.server
def test_show_needs_no_mlflow(launched: Launched) -> None:
    """A decision in the ledger's own SQLite file is read without MLflow, which takes seconds to import."""
    code = "import sys; from flows.cli import main; sys.modules['mlflow'] = None; main(['show', 'tiny', '--json'])"
    environment = os.environ | {"LAUNCHGATE_HOME": str(launched.home)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert Decision.model_validate_json(done.stdout) == launched.decision, done.stderr


@pytest.mark.server
def test_a_run_is_compared_with_another(launched: Launched, ledger: Command) -> None:
    """A run beside itself has no gate that changed."""
    run = launched.decision.run_id
    said = ledger("compare", run, run)
    assert (said.code, said.err) == (0, "")
    assert run[:8] in said.out
