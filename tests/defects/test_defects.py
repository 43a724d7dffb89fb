"""Every planted failure through the real stages: its gate fails it, and passes its clean twin."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from flows.selftest import DEFECTS as HOME_OF_DEFECTS
from flows.selftest import TIMED, Bench, at_home, judge_trial, planted_failures, selftest
from tasks.gates import GATES
from tasks.records import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .planted import Planted

PLANTED, CLEAN = planted_failures()


@pytest.fixture(scope="session")
def shared_bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return what launches candidates in a folder of its own; each clean twin is launched once a worker."""
    return Bench(tmp_path_factory.mktemp("defects"), CLEAN)


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    """Yield the bench while its folder is launchgate's home, which it is not between these tests."""
    with at_home(shared_bench.folder):
        yield shared_bench


def test_every_gate_has_a_planted_failure() -> None:
    """A gate that nothing was planted for is a gate that nobody has seen work."""
    assert {item.gate for item in PLANTED} == set(GATES)


def test_names_are_told_apart() -> None:
    """Each candidate has a folder and a model name of its own, and a twin that exists."""
    names = [*CLEAN, *(item.name for item in PLANTED)]
    assert len(set(names)) == len(names)
    assert {item.twin for item in PLANTED} == set(CLEAN)


@pytest.mark.server
@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_twin_is_promoted(bench: Bench, name: str) -> None:
    """Every gate passes every variant of it."""
    decision = bench.clean(name)
    assert [(gate.gate, gate.variant, gate.because) for gate in decision.gates if gate.outcome != "pass"] == []
    assert decision.outcome == "promote"


@pytest.mark.server
@pytest.mark.parametrize("item", PLANTED, ids=[item.name for item in PLANTED])
def test_the_gate_fails_the_planted_failure_and_passes_the_twin(bench: Bench, item: Planted) -> None:
    """The gate that the failure was planted for fails it, the launch is rejected if the gate blocks, and the twin's passes.

    No other gate that blocks fails, but for those where the same failure shows too, and those that a busy machine
    disturbs.
    """
    twin, decision = bench.clean(item.twin), bench.planted(item)
    trial = judge_trial(item, decision, twin)
    assert (trial.outcome, trial.because) == ("fail", trial.because)
    blocks = any(gate.gate == item.gate and gate.severity == "block" for gate in decision.gates)
    assert not blocks or (decision.outcome, decision.variant) == ("reject", None)
    assert (trial.twin_outcome, trial.twin_because) == ("pass", trial.twin_because)
    failed = {gate.gate for gate in decision.gates if gate.outcome == "fail" and gate.severity == "block"}
    assert failed - {item.gate} - TIMED <= set(item.also)


def test_an_unknown_gate_is_refused_with_the_known_ones() -> None:
    """Nothing is launched for a gate that does not exist."""
    with pytest.raises(InputError, match="no gate is called latency; known: pinned-dependencies, "):
        selftest(["latency"], json=False, out=io.StringIO())


def test_away_from_the_checkout_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The planted failures are part of the repository, not of the package."""
    assert (HOME_OF_DEFECTS / "planted.py").is_file()
    monkeypatch.setattr("flows.selftest.DEFECTS", tmp_path)
    with pytest.raises(InputError, match="run selftest from a checkout"):
        selftest(None, json=False, out=io.StringIO())
