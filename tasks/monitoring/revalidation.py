"""A champion held against its own launch after its surroundings changed: what changed, and whether it may stay live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field

from tasks.core.records import Record
from tasks.core.verdicts import WORST_FIRST
from tasks.evidence import Unmeasured
from tasks.serving.replay import Replay, named_flips

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision, GateResult
    from tasks.evidence import Environment

MACHINE = ("python", "platform", "cpu", "cores", "gpu")
SHORT_ID = 8
Outcome = Literal["keep", "reject"]
SHOWN = 3  # changes that the reason names


class Change(Record):
    """Something that is not as it was; None is where it was not, or is not any more."""

    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Return the change in a few words."""
        if self.before is None:
            return f"{self.name} {self.after} (new)"
        if self.after is None:
            return f"{self.name} {self.before} (gone)"
        return f"{self.name} {self.before} → {self.after}"


class Revalidation(Record):
    """The outcome of a revalidation; written as `revalidation.json` beside the new launch's decision.

    `run_id` is the run that it is recorded in, unset where nothing was measured, as are the two replays: of the recorded
    inputs on the recorded graph, and on the graph that was exported and quantized anew. `gates` are those of the whole
    launch and of the champion's variant whose outcome is another one than at its promotion.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    model: str
    version: str
    variant: str
    champion_run_id: str
    run_id: str | None
    outcome: Outcome
    reasons: tuple[str, ...]
    packages: tuple[Change, ...] = ()
    machine: tuple[Change, ...] = ()
    recorded_graph: Replay | Unmeasured | None = None
    new_graph: Replay | Unmeasured | None = None
    gates: tuple[Change, ...] = ()
    revalidated_at: AwareDatetime

    def sentence(self) -> str:
        """Return the outcome in one sentence: what, with which changes around it, why, and where to read on."""
        changes = _listed((*self.packages, *self.machine))
        what = f"{self.outcome} {self.model} version {self.version} ({self.variant})"
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        read_on = f"; run {self.run_id[:SHORT_ID]}" if self.run_id else ""
        return f"{what}{changes and f' with {changes}'}: {self.reasons[0]}{more}{read_on}"


def package_changes(before: Environment, now: Environment) -> tuple[Change, ...]:
    """Return the distributions that came, went, or have another version."""
    names = sorted(before.packages.keys() | now.packages.keys())
    changes = (Change(name=name, before=before.packages.get(name), after=now.packages.get(name)) for name in names)
    return tuple(change for change in changes if change.before != change.after)


def machine_changes(before: Environment, now: Environment) -> tuple[Change, ...]:
    """Return what is another one of Python and the hardware."""
    changes = (Change(name=name, before=_text(before, name), after=_text(now, name)) for name in MACHINE)
    return tuple(change for change in changes if change.before != change.after)


def gate_changes(before: Decision, now: Decision, variant: str) -> tuple[Change, ...]:
    """Return the gates of the whole launch and of `variant` whose outcome is another one now."""
    was = {gate.gate: gate.outcome for gate in gates_of(before, variant)}
    is_now = {gate.gate: gate.outcome for gate in gates_of(now, variant)}
    changes = (Change(name=name, before=was.get(name), after=is_now.get(name)) for name in {**was, **is_now})
    return tuple(change for change in changes if change.before != change.after)


def gates_of(decision: Decision, variant: str) -> list[GateResult]:
    """Return the results that decide on `variant`: the whole launch's and its own."""
    return [gate for gate in decision.gates if gate.variant in {None, variant}]


def judge_revalidation(
    recorded_graph: Replay | Unmeasured,
    new_graph: Replay | Unmeasured,
    decision: Decision | str,
    variant: str,
) -> tuple[Outcome, tuple[str, ...]]:
    """Return whether the champion may stay as it is, and why, what weighs most first.

    It may where both graphs give every recorded decision, and `variant` passes every blocking gate again. `decision` is
    the new launch's, or says why there is none.
    """
    reasons = [*_moved("the recorded graph", recorded_graph), *_moved("the graph exported anew", new_graph)]
    if isinstance(decision, str):
        reasons.append(f"it cannot be launched again: {decision}")
    else:
        reasons += _held_back(decision, variant)
    if reasons:
        return "reject", tuple(reasons)
    return "keep", ("every recorded decision is the same, and every blocking gate passes again",)


def _held_back(decision: Decision, variant: str) -> list[str]:
    """Return what each blocking gate says that does not pass, failures first."""
    if not any(gate.variant == variant for gate in decision.gates):
        return [f"no gate judged {variant}, so nothing shows that it may stay"]
    found = [gate for gate in gates_of(decision, variant) if gate.severity == "block" and gate.outcome != "pass"]
    found.sort(key=lambda gate: WORST_FIRST.index(gate.outcome))
    return [f"{gate.gate}: {gate.because}" for gate in found]


def _moved(graph: str, found: Replay | Unmeasured) -> tuple[str, ...]:
    if isinstance(found, Unmeasured):
        return (f"{graph} was not held against the recorded answers: {found.why}",)
    if found.same_decisions:
        return ()
    difference = found.difference
    if not difference.flips:
        return (f"{graph}: {difference.error or 'no answer was recorded to hold it against'}",)
    what = f"{difference.flips} of {difference.rows} recorded decisions flipped on {graph}"
    return (f"{what}: {named_flips(found.flipped)}",)


def _listed(changes: tuple[Change, ...]) -> str:
    more = f" and {len(changes) - SHOWN} more changes" if len(changes) > SHOWN else ""
    return ", ".join(map(str, changes[:SHOWN])) + more


def _text(environment: Environment, name: str) -> str | None:
    value = getattr(environment, name)
    return None if value is None else str(value)
