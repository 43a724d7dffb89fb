"""Every planted failure and every clean twin through the real stages: the gate fails the one, and passes the other."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from flows.command.selftest import DEFECTS as HOME_OF_DEFECTS
from flows.command.selftest import (
    TIMED,
    Bench,
    Trial,
    at_home,
    caught,
    judge_trial,
    planted_failures,
    said_of,
    selftest,
    trial_line,
)
from tasks.core.errors import InputError
from tasks.gates import GATES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .planted import Clean, Planted

PLANTED, CLEAN = planted_failures()
# Second failures of a gate that a test of the stage itself has too, in the file named here: only `make selftest` launches them.
ELSEWHERE = {
    "range-in-lock": "tasks/environment/test_lock.py",
    "norm-in-training": "tasks/variants/test_parity.py",
    "encode-raises": "flows/launch/test_faults.py",
    "unseeded-random": "tasks/serving/test_determinism.py",
    "endless-slices": "tasks/evaluation/test_review.py",
    "keeps-outputs": "tasks/performance/memory/test_measure.py",
    "forgets-to-free": "tasks/performance/memory/test_measure.py",
}
LAUNCHED = [item for item in PLANTED if item.name not in ELSEWHERE]


@pytest.fixture(scope="session")
def shared_bench(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Yield what launches candidates in a folder of its own; each clean twin is launched once a worker."""
    settings = {PREFECT_API_URL: prefect_api, PREFECT_LOGGING_TO_API_ENABLED: False}  # the log outlives the server
    with temporary_settings(settings):
        yield Bench(tmp_path_factory.mktemp("defects"), CLEAN)


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    """Yield the bench while its folder is launchgate's home, which it is not between these tests."""
    with at_home(shared_bench.folder):
        yield shared_bench


def test_every_gate_has_a_planted_failure() -> None:
    """A gate that nothing was planted for is a gate that nobody has seen work."""
    assert {item.gate for item in LAUNCHED} == set(GATES)
    assert {item.name for item in PLANTED} >= set(ELSEWHERE)
    assert all((HOME_OF_DEFECTS.parent / file).is_file() for file in ELSEWHERE.values())


def test_names_are_told_apart() -> None:
    """Each candidate has a folder and a model name of its own, and a twin that exists."""
    names = [*CLEAN, *(item.name for item in PLANTED)]
    assert len(set(names)) == len(names)
    assert {item.twin for item in LAUNCHED} == set(CLEAN)


def test_failures_in_time_have_a_twin_that_is_measured_in_full() -> None:
    """A twin that is measured briefly says nothing of a gate that judges times."""
    assert all(CLEAN[item.twin].timed or CLEAN[item.twin].gate == item.gate for item in PLANTED if item.gate in TIMED)


def _maybe_alone(name: str, item: Clean | Planted) -> Any:
    """Return a parameter; times that must hold are taken with nothing beside them."""
    alone = getattr(item, "timed", False) or item.gate == "capacity"
    return pytest.param(name, marks=pytest.mark.alone if alone else ())


@pytest.mark.server
@pytest.mark.parametrize("name", [_maybe_alone(name, item) for name, item in CLEAN.items()])
def test_a_clean_twin_is_promoted(bench: Bench, name: str) -> None:
    """Every gate passes every variant of it; those that judge times do so where they are measured in full."""
    decision = bench.clean(name)
    item = CLEAN[name]
    judged = [gate for gate in decision.gates if item.timed or gate.gate not in TIMED - {item.gate}]
    assert [(gate.gate, gate.variant, gate.because) for gate in judged if gate.outcome != "pass"] == []
    assert decision.outcome == "promote"


@pytest.mark.server
@pytest.mark.parametrize("name", [_maybe_alone(item.name, item) for item in LAUNCHED])
def test_the_gate_fails_the_planted_failure(bench: Bench, name: str) -> None:
    """The gate that the failure was planted for fails it, and the launch is rejected if the gate blocks.

    No other gate that blocks fails, but for those where the same failure shows too, and those that a busy machine
    disturbs. That the gate passes the twin, the test above has shown.
    """
    (item,) = (item for item in PLANTED if item.name == name)
    decision = bench.planted(item)
    assert caught(item, decision), said_of(item, decision)
    if said_of(item, decision).severity == "block":
        assert (decision.outcome, decision.variant) == ("reject", None)
    failed = {gate.gate for gate in decision.gates if gate.outcome == "fail" and gate.severity == "block"}
    assert failed - {item.gate} - TIMED <= {*item.also, *item.earlier}


@pytest.mark.server
@pytest.mark.alone
def test_a_failure_that_is_launched_without_its_failure_is_missed(bench: Bench) -> None:
    """A trial tells what was not caught: here the clean candidate stands for a planted one."""
    item = next(item for item in PLANTED if item.twin == "clean" and item.gate == "latency-slo")
    clean = bench.clean("clean")
    trial = judge_trial(item, clean, clean)
    assert (trial.caught, trial.outcome, trial.twin_passed, trial.twin_outcome) == (False, "pass", True, "pass")
    assert trial_line(trial).split()[:4] == ["latency-slo", "MISSED", "(pass)", "passed"]


def test_a_trial_says_why_it_is_not_as_it_should_be() -> None:
    """Where the gate missed its failure, what it said; where its twin was rejected, whatever gate that was, its reason."""
    said = Trial(
        gate="coverage", planted="silent", failure="half of it is silence", caught=True, outcome="fail", because="too few",
        twin="clean", twin_passed=True, twin_outcome="pass", twin_because="enough",
    )  # fmt: skip
    assert trial_line(said).splitlines() == [trial_line(said)[:-1]]
    assert trial_line(said).split("  ")[0] == "coverage"
    missed = trial_line(said.model_copy(update={"caught": False, "outcome": "pass", "because": "enough answers"}))
    assert "MISSED (pass)" in missed
    assert missed.splitlines()[1:] == ["  of the failure: enough answers"]
    held_back = trial_line(
        said.model_copy(update={"twin_passed": False, "twin_because": "fp32: latency-slo: too slow"})
    )
    assert "NOT PASSED (rejected)" in held_back
    assert held_back.splitlines()[1:] == ["  of the twin: fp32: latency-slo: too slow"]


def test_an_unknown_gate_is_refused_with_the_known_ones() -> None:
    """Nothing is launched for a gate that does not exist."""
    with pytest.raises(InputError, match="no gate is called latency; known: pinned-dependencies, "):
        selftest(["latency"], json=False, out=io.StringIO())


def test_away_from_the_checkout_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The planted failures are part of the repository, not of the package."""
    assert (HOME_OF_DEFECTS / "planted.py").is_file()
    monkeypatch.setattr("flows.command.selftest.DEFECTS", tmp_path)
    with pytest.raises(InputError, match="run selftest from a checkout"):
        selftest(None, json=False, out=io.StringIO())
