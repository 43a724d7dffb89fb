"""Ctrl-C and SIGTERM at any moment: all is stopped and recorded, nothing is half-promoted, and the next launch is clean."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, NamedTuple

import psutil
import pytest
from support.tiny import quick_policy, write_tiny

from flows.signals import orderly_stop, unstoppable
from infra.ledger.mlflow_ledger import MlflowLedger, open_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOPPED = 130


def test_a_signal_waits_until_what_is_begun_is_done() -> None:
    """Inside of the outer block it waits; it is raised where the launch may be stopped again."""
    done = []

    def launch() -> None:
        with unstoppable() as stoppable:
            signal.raise_signal(signal.SIGINT)
            done.append("the run is opened")
            with stoppable():
                done.append("measured")

    with pytest.raises(KeyboardInterrupt):
        launch()
    assert done == ["the run is opened"]


def test_a_signal_while_measuring_is_raised_at_once() -> None:
    """Inside of `stoppable` a signal does what it did before, and waits again after it."""
    done = []
    with unstoppable() as stoppable:
        try:
            with stoppable():
                signal.raise_signal(signal.SIGINT)
                done.append("measured")
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)
            done.append("recorded")
    assert done == ["recorded"]


def test_what_a_signal_broke_is_told_as_the_stop() -> None:
    """Code that a signal catches in the middle may raise anything, or go on as if there had been none."""

    def swallow(error: type[Exception] | None) -> None:
        with unstoppable() as stoppable, stoppable():
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                if error:
                    raise error("in the middle") from None

    for error in (ValueError, None):
        with pytest.raises(KeyboardInterrupt):
            swallow(error)


def test_a_signal_that_comes_too_late_is_let_go() -> None:
    """What is left to do after the last stop is little, and is done; the handlers are then as they were."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with unstoppable() as stoppable:
        with stoppable():
            pass
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_service_managers_signal_stops_as_ctrl_c_does() -> None:
    """SIGTERM and SIGHUP raise what SIGINT does, so that the same clean-up runs."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        before = signal.signal(number, signal.SIG_DFL)  # the tests themselves may run under nohup
        try:
            with pytest.raises(KeyboardInterrupt), orderly_stop():
                signal.raise_signal(number)
        finally:
            signal.signal(number, before)


def test_what_nohup_ignores_stays_ignored() -> None:
    """A launch that is to outlive its terminal does."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with orderly_stop():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_beside_the_main_thread_nothing_is_touched() -> None:
    """Python hands signals to the main thread alone, so a flow in another thread leaves them be."""
    worked = []

    def work() -> None:
        with unstoppable() as stoppable, stoppable():
            worked.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert worked == [True]


class Place(NamedTuple):
    """Where launches are interrupted one after the other: candidate, policy, and the environment of the command."""

    candidate: Path
    policy: Path
    environment: dict[str, str]
    ledger: MlflowLedger


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Make a candidate that would be promoted."""
    folder = tmp_path_factory.mktemp("interrupted")
    candidate = write_tiny(folder / "tiny", settings={"variants": ["fp32"]})
    policy = quick_policy(folder / "quick.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAUNCHGATE_HOME", str(folder / "home"))
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("PREFECT_API_URL", raising=False)
        yield Place(candidate, policy, dict(os.environ), open_ledger())


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
@pytest.mark.parametrize(
    ("moment", "number", "whole_group", "own_server"),
    [
        (
            "validate-evaluation done",
            signal.SIGINT,
            True,
            True,
        ),  # the export, from a terminal, with Prefect's own server
        ("fp32: estimate done", signal.SIGINT, True, False),  # the latency, which a child process measures
        ("dependencies done", signal.SIGTERM, False, False),  # the decision and its record
    ],
)
def test_a_launch_that_is_stopped_promotes_nothing(
    place: Place, prefect_api: str, moment: str, number: signal.Signals, whole_group: bool, own_server: bool
) -> None:
    """Status 130 and one line; the run is closed as KILLED; no process is left behind, and no champion."""
    environment = place.environment if own_server else place.environment | {"PREFECT_API_URL": prefect_api}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "launch", str(place.candidate), "--policy", str(place.policy), "--json"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if moment in line:
            break
    started = psutil.Process(process.pid).children(recursive=True)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == STOPPED, "".join(said) + err
    assert out == ""
    assert err.splitlines()[-1] == "stopped; an unfinished launch promotes nothing, and what it recorded is kept"
    assert "Traceback" not in err
    assert not any(child.is_running() for child in started)
    assert _statuses(place.ledger)[0] == "KILLED"
    assert "RUNNING" not in _statuses(place.ledger)
    assert place.ledger.champion("tiny") is None


@pytest.mark.server
@pytest.mark.usefixtures("prefect")
def test_the_next_launch_is_clean(place: Place) -> None:
    """After three that were stopped, a launch runs to its end and is promoted as version 1."""
    from flows.launch.flow import launch

    decision = launch(str(place.candidate), str(place.policy))
    assert decision.outcome == "promote"
    champion = place.ledger.champion("tiny")
    assert champion is not None
    assert (champion.version, champion.run_id) == ("1", decision.run_id)
    assert _statuses(place.ledger) == ["FINISHED", "KILLED", "KILLED", "KILLED"]


def _statuses(ledger: MlflowLedger) -> list[str]:
    """Return the statuses of the launches' runs, the newest first."""
    client = ledger._client
    (experiment,) = (item for item in client.search_experiments() if item.name == "tiny")
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
    return [run.info.status for run in runs if "mlflow.parentRunId" not in run.data.tags]
