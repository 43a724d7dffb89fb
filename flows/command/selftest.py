"""Planted failures and their clean twins, launched through the real stages, to see that each gate catches its own."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import yaml

from tasks.core.errors import InputError
from tasks.core.records import Record
from tasks.decision.early_stop import ORDER
from tasks.decision.policy import load_policy
from tasks.gates import GATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.command.output import Writer
    from tasks.core.records import Target
    from tasks.core.verdicts import Decision, GateResult, Stage
    from tests.defects.candidate import Recipe
    from tests.defects.planted import Clean, Planted

DEFECTS = Path(__file__).parents[2] / "tests" / "defects"
PACKAGE = "launchgate_defects"
POLICY = "selftest"
MORE_ATTEMPTS = 2
TIMED = {
    "latency-slo",
    "capacity",
    "batch-profile",
    "cold-start",
    "unit-cost",
    "memory-leak",
}  # what else runs on the machine shows in these
SHORT: dict[str, float] = {  # where no gate in question needs more
    "latency_calls": 200, "load_seconds": 0, "latency_seconds": 1, "calls_per_batch": 10, "batch_seconds": 0.5, "soak_calls": 60,
    "soak_seconds": 1, "cold_starts": 0, "invariance_rows": 64, "parity_rows": 64, "robustness_rows": 40,
}  # fmt: skip
FULL: dict[str | None, tuple[str, ...]] = {  # what of it these gates need in full
    "latency-slo": ("latency_calls", "latency_seconds", "load_seconds"),
    "capacity": ("load_seconds",),
    "unit-cost": ("latency_calls", "latency_seconds"),
    "batch-profile": ("calls_per_batch", "batch_seconds"),
    "cold-start": ("cold_starts",),
    "memory-leak": ("soak_calls", "soak_seconds"),
    "batch-invariance": ("invariance_rows",),
    "export-parity": ("parity_rows",),
    "robustness": ("robustness_rows",),
    # a clean twin must pass all but the gates that judge times
    None: ("invariance_rows", "parity_rows", "robustness_rows"),
}
RECORDED_ELSEWHERE = ("LAUNCHGATE_HOME", "LAUNCHGATE_ARTIFACTS", "MLFLOW_TRACKING_URI")
COLUMNS = "{:<20} {:<22} {:<22} {}\n"

log = logging.getLogger("launchgate.selftest")


class Trial(Record):
    """What a gate said to a planted failure and to its clean twin, each with the gate's own sentence."""

    gate: str
    planted: str
    failure: str
    caught: bool
    outcome: str
    because: str
    twin: str
    twin_passed: bool
    twin_outcome: str
    twin_because: str


@dataclass(frozen=True)
class Bench:
    """Writes candidates into `folder` and launches them; each clean one once."""

    folder: Path
    cleans: Mapping[str, Clean]
    decisions: dict[str, Decision] = field(default_factory=dict)
    champions: dict[str, Decision] = field(default_factory=dict)

    def make_champion(self, name: str) -> None:
        """Make a clean candidate the champion of its model by its answers alone: it is there to be compared with."""
        if name not in self.decisions and name not in self.champions:
            policy = self._policy("measure", None, clean=True, last_stage="review")
            self.champions[name] = self._launch(name, self.cleans[name].recipe, None, "cpu", policy)

    def clean(self, name: str) -> Decision:
        """Return the decision on a clean candidate, launched after the champion that it is held against.

        One that is not the twin of failures in time is measured briefly, and gates that judge times can't reject it, but
        for the one that it is the twin for.
        """
        if name not in self.decisions:
            item = self.cleans[name]
            if item.champion:
                self.make_champion(item.champion)
            policy = POLICY if item.timed else self._policy("measure", item.gate, clean=True)
            self.decisions[name] = self._launch(name, item.recipe, item.champion, "cpu", policy)
            for _ in range(MORE_ATTEMPTS):
                if not disturbed(self.decisions[name]):
                    break
                self.decisions[name] = self._launch(name, item.recipe, item.champion, "cpu", policy)
        return self.decisions[name]

    def planted(self, item: Planted) -> Decision:
        """Return the decision on a planted failure, measured as much as its gate needs, and no further than to that gate.

        One that a gate of an earlier stage fails too is measured in all of them.
        """
        if item.champion:
            self.make_champion(item.champion)
        last_stage = GATES[item.gate].STOPS_AFTER[-1]
        policy = self._policy("measure" if item.earlier else "stop", item.gate, item.brief, last_stage=last_stage)
        with changed_environment(item.environment):
            return self._launch(item.name, item.recipe, item.champion, item.target, policy)

    def trial(self, item: Planted) -> Trial:
        """Return what the gate of a planted failure said to its clean twin and to it."""
        twin = self.clean(item.twin)
        return judge_trial(item, self.planted(item), twin)

    def _policy(
        self,
        rejected: str,
        gate: str | None,
        brief: tuple[str, ...] = (),
        *,
        clean: bool = False,
        last_stage: Stage = "load",
    ) -> str:
        """Return the address of `selftest` with short measurements but for those that `gate` needs; `brief` are short all the same.

        The other gates that judge times only warn, as the times are few: none of them can end a launch before this one. So do,
        of a clean candidate, the gates of the stages after `last_stage`, which are not measured.
        """
        kind = "clean" if clean else rejected
        path = self.folder / f"{'-'.join([POLICY, kind, last_stage, str(gate), *brief])}.yaml"
        if not path.exists():
            full = load_policy(POLICY)
            full_for = {*FULL.get(gate, ()), *(FULL[None] if clean else ())} - {*brief}
            short = {key: value for key, value in SHORT.items() if key not in full_for}
            changed = yaml.safe_load(full.text())
            changed["measure"] |= short | {"rejected": rejected}
            unmeasured = {name for name in GATES if clean and _is_after(GATES[name].STOPS_AFTER[-1], last_stage)}
            changed["measure"]["last_stage"] = last_stage
            for name in (TIMED - {gate}) | unmeasured:
                changed["gates"][name]["severity"] = "warn"
            path.write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
        return str(path)

    def _launch(self, name: str, recipe: Recipe, champion: str | None, target: Target, policy: str) -> Decision:
        from flows.launch.flow import launch

        log.info("launching %s", name)
        write = importlib.import_module(f"{PACKAGE}.candidate").write_candidate
        folder = self.folder / name
        if not folder.exists():
            write(recipe, f"selftest-{champion or name}", folder)
        with muted():
            return launch(str(folder), policy, target)


def selftest(only: Sequence[str] | None, json: bool, out: Writer) -> int:
    """Launch every planted failure (of the gates in `only`, if given) and print what was caught.

    Everything is recorded in a folder of its own that goes when the test ends. Returns 0 when every gate failed its
    planted failures and passed their clean twins, else 1. Raises InputError for an unknown gate, or away from the
    checkout.
    """
    if unknown := sorted(set(only or ()) - set(GATES)):
        raise InputError(f"no gate is called {', '.join(unknown)}; known: {', '.join(GATES)}")
    planted, cleans = planted_failures()
    wanted = [item for item in planted if not only or item.gate in only]
    trials = []
    if not json:
        out.write(COLUMNS.format("gate", "planted failure", "clean twin", ""))
    with own_home() as folder:
        bench = Bench(folder, cleans)
        for item in wanted:
            trials.append(_attempt(bench, item))
            if not json:
                out.write(trial_line(trials[-1]))
    good = sum(trial.caught and trial.twin_passed for trial in trials)
    if json:
        listed = [trial.model_dump() for trial in trials]
        out.write(orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        out.write(f"{good} of {len(trials)} planted failures were caught while their clean twins passed\n")
    return 0 if good == len(trials) else 1


def _is_after(stage: Stage, last_stage: Stage) -> bool:
    return ORDER.index(stage) > ORDER.index(last_stage)


def disturbed(decision: Decision) -> bool:
    """Tell whether only gates that a busy machine disturbs hold a clean candidate back: it is then launched again."""
    held_back = {gate.gate for gate in decision.gates if gate.outcome != "pass" and gate.severity == "block"}
    return bool(held_back) and held_back <= TIMED


def planted_failures() -> tuple[tuple[Planted, ...], dict[str, Clean]]:
    """Return the planted failures, and the clean candidates by name.

    Raises InputError where the checkout's tests are not beside this package.
    """
    start = DEFECTS / "__init__.py"
    if not start.is_file():
        raise InputError(
            f"the planted failures are not at {DEFECTS}; run selftest from a checkout of launchgate's repository, "
            "installed with `pip install --editable .`"
        )
    if PACKAGE not in sys.modules:
        spec = importlib.util.spec_from_file_location(PACKAGE, start, submodule_search_locations=[str(DEFECTS)])
        if spec is None or spec.loader is None:
            raise InputError(f"{start} cannot be imported; restore it from the repository")
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[PACKAGE])
    module = importlib.import_module(f"{PACKAGE}.planted")
    return module.PLANTED, {clean.name: clean for clean in module.CLEAN}


def judge_trial(item: Planted, decision: Decision, twin: Decision) -> Trial:
    """Return what the gate of a planted failure said to it, and to its clean twin.

    It is caught where the gate failed it and the launch was rejected, which a gate that only warns does not do; the twin
    passes where the gate passed all of its variants and it was promoted.
    """
    said = said_of(item, decision)
    of_twin = [gate for gate in twin.gates if gate.gate == item.gate]
    worst = next((gate for gate in of_twin if gate.outcome != "pass"), of_twin[0])
    return Trial(
        gate=item.gate,
        planted=item.name,
        failure=item.failure,
        caught=caught(item, decision),
        outcome=said.outcome,
        because=said.because,
        twin=item.twin,
        twin_passed=worst.outcome == "pass" and twin.outcome == "promote",
        twin_outcome=worst.outcome,
        twin_because=worst.because if worst.outcome != "pass" or twin.outcome == "promote" else twin.reasons[0],
    )


def said_of(item: Planted, decision: Decision) -> GateResult:
    """Return what the gate of a planted failure said to it."""
    return next(gate for gate in decision.gates if gate.gate == item.gate and gate.variant == item.variant)


def caught(item: Planted, decision: Decision) -> bool:
    """Tell whether its gate failed a planted failure, and the launch was rejected if that gate blocks."""
    said = said_of(item, decision)
    return said.outcome == "fail" and (said.severity == "warn" or decision.outcome == "reject")


def trial_line(trial: Trial) -> str:
    """Return one line of the terminal's table, and below it why anything is not as it should be."""
    found = "caught (fail)" if trial.caught else f"MISSED ({trial.outcome})"
    held_back = "rejected" if trial.twin_outcome == "pass" else trial.twin_outcome
    twin = "passed" if trial.twin_passed else f"NOT PASSED ({held_back})"
    shown = COLUMNS.format(trial.gate, found, twin, trial.failure)
    if not trial.caught:
        shown += f"  of the failure: {trial.because}\n"
    if not trial.twin_passed:
        shown += f"  of the twin: {trial.twin_because}\n"
    return shown


@contextmanager
def own_home() -> Iterator[Path]:
    """Yield a temporary folder that is launchgate's home until the end; no other ledger is written to."""
    with tempfile.TemporaryDirectory(prefix="launchgate-selftest-") as name, at_home(Path(name)):
        yield Path(name)


@contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Have launchgate keep what it makes in `folder`, its ledger too, until the end."""
    with changed_environment(dict.fromkeys(RECORDED_ELSEWHERE) | {"LAUNCHGATE_HOME": str(folder / "home")}):
        yield


@contextmanager
def changed_environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables, or unset those that are None, and put all back at the end."""
    before = {name: os.environ.pop(name, None) for name in changes}
    os.environ.update({name: value for name, value in changes.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def muted() -> Iterator[None]:
    """Keep a launch's own progress from the terminal, where the failures that were planted would look like news."""
    progress = logging.getLogger("launchgate")
    before = progress.level
    progress.setLevel(logging.ERROR)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        progress.setLevel(before)


def _attempt(bench: Bench, item: Planted) -> Trial:
    """Return the trial of a planted failure; a crash is one that was missed, and the others still have their turn."""
    try:
        return bench.trial(item)
    except Exception as error:  # noqa: BLE001  whatever it was, the gate did not catch it
        why = f"{type(error).__name__}: {error}"
        return Trial(
            gate=item.gate, planted=item.name, failure=item.failure, caught=False, outcome="crashed", because=why,
            twin=item.twin, twin_passed=False, twin_outcome="crashed", twin_because=why,
        )  # fmt: skip
