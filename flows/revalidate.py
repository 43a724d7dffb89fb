"""A promoted model against the environment as it is now: its recorded answers replayed, its launch done again."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from pydantic import ValidationError

from flows import steps
from flows.artifacts import announce_revalidation
from flows.champion import champion_of, fetch, recorded_answers
from flows.launch.flow import run
from flows.launch.inputs import check_inputs
from infra.ledger.mlflow_ledger import open_ledger
from tasks.candidate.checkpoint import inspect_checkpoint
from tasks.candidate.snapshot import load_kept
from tasks.core.errors import InputError, StageError
from tasks.core.files import write_whole
from tasks.core.records import Candidate
from tasks.core.run_folder import RunFolder
from tasks.core.store import home
from tasks.environment.describe import describe_environment
from tasks.evidence import Unmeasured
from tasks.monitoring.revalidation import (
    Revalidation,
    gate_changes,
    judge_revalidation,
    machine_changes,
    package_changes,
)
from tasks.serving.server import serving_of
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from flows.champion import Live
    from infra.ledger.port import Champion, Ledger
    from tasks.core.records import Variant
    from tasks.core.verdicts import Decision
    from tasks.evidence import Environment
    from tasks.serving.replay import Replay

RECORD = "revalidation.json"


@flow(name="revalidate", flow_run_name="{model}", persist_result=False, validate_parameters=False)
def revalidate(model: str, force: bool = False) -> Revalidation:
    """Launch a model's champion again in the environment as it is now, and say whether it may stay live.

    Keep where every recorded decision is the same, on the recorded graph and on one exported anew, and the champion's
    variant passes every blocking gate of its own policy again; else reject. The registry's alias is not moved either way.

    An environment with the digest that the launch recorded is kept at once, unless `force` is set, and no run is opened
    for it: nothing was measured, so there is nothing to record, and the schedule's history with each outcome is in
    Prefect. Raises InputError where the model has no champion, or the files of its launch are not as they were recorded.
    """
    ledger = open_ledger()
    ledger.check()
    champion = champion_of(ledger, model, "validate again")
    recorded, now = ledger.load(champion.run_id), describe_environment()
    if now.sha256 == recorded.evidence.environment.sha256 and not force:
        verdict = _unchanged(champion)
    else:
        home().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="revalidation-", dir=home()) as folder:
            live = fetch(ledger, champion, recorded, Path(folder))
            verdict = again(ledger, live, recorded_answers(live.recorded, champion.variant, live.files), now)
    announce_revalidation(verdict, ledger.url(verdict.run_id or verdict.champion_run_id))
    return verdict


def again(ledger: Ledger, live: Live, golden: Path | Unmeasured, now: Environment) -> Revalidation:
    """Replay the recorded inputs, launch again, replay them on the new graph, and record the verdict in the new run.

    A champion that cannot be launched again is rejected: it could be when it was promoted.
    """
    champion, before = live.champion, live.recorded.evidence.environment
    tags = {"champion_run": champion.run_id, "champion_version": champion.version}
    on_recorded = _replay("recorded graph", live, live.candidate, live.variant, golden)
    decision: Decision | str
    try:
        decision = run(check_inputs(_checked(live.candidate), live.policy, ledger), "revalidation", tags)
    except InputError as error:
        decision = str(error)
        run_id = ledger.start(live.candidate, live.policy, "revalidation", tags)
        on_new: Replay | Unmeasured = Unmeasured(stage="replay", why="there is none, since it was not launched again")
    else:
        run_id = decision.run_id
        on_new = _replay_new(live, RunFolder(home() / "runs" / run_id), golden)
    outcome, found = judge_revalidation(on_recorded, on_new, decision, champion.variant)
    reasons = tuple(reason.replace(f"{live.candidate.folder.parent}/", "") for reason in found)  # it is gone soon
    verdict = Revalidation(
        **_named(champion),
        run_id=run_id,
        outcome=outcome,
        reasons=reasons,
        packages=package_changes(before, now),
        machine=machine_changes(before, now),
        recorded_graph=on_recorded,
        new_graph=on_new,
        gates=() if isinstance(decision, str) else gate_changes(live.recorded.decision, decision, champion.variant),
    )
    record = home() / "runs" / run_id / RECORD
    write_whole(record, verdict.model_dump_json(indent=2).encode())
    ledger.add(run_id, record, {"verdict": outcome, "verdict_because": reasons[0]})
    if isinstance(decision, str):
        ledger.stop(run_id, "FINISHED", reasons[0])
    return verdict


def _replay(
    case: str, live: Live, candidate: Candidate, variant: Variant, golden: Path | Unmeasured
) -> Replay | Unmeasured:
    """Answer the recorded inputs with `variant`, as many threads to a session as at the launch."""
    measuring, policy = live.policy.measure, live.policy
    served = serving_of(candidate, variant, policy.target, measuring.threads, live.recorded.evidence.marking)
    return steps.attempt(f"replay on the {case}", steps.replay, case, served, golden, measuring.stage_timeout_seconds)


def _replay_new(live: Live, run_folder: RunFolder, golden: Path | Unmeasured) -> Replay | Unmeasured:
    name = live.champion.variant
    try:
        candidate, variant = load_kept(run_folder.candidate, name, run_folder.variant(name))
    except StageError as error:
        return Unmeasured(stage="replay", why=f"{name} could not be made again: {error}")
    return _replay("new graph", live, candidate, variant, golden)


def _checked(candidate: Candidate) -> Candidate:
    """Return the candidate if its files are there and its weights are those that it names; else InputError says what is not."""
    context = {"folder": candidate.folder, "variants": tuple(RECIPES)}
    try:
        checked = Candidate.model_validate(candidate.model_dump(), context=context)
    except ValidationError as error:
        said = "; ".join(item["msg"].removeprefix("Value error, ") for item in error.errors())
        raise InputError(said) from error
    inspect_checkpoint(checked.resolve(checked.checkpoint.path))
    return checked


def _unchanged(champion: Champion) -> Revalidation:
    because = "the environment is the one it was launched in, so nothing was measured; --force measures all the same"
    return Revalidation(**_named(champion), run_id=None, outcome="keep", reasons=(because,))


def _named(champion: Champion) -> dict[str, Any]:
    """Return what is validated, and when."""
    return {
        "model": champion.model,
        "version": champion.version,
        "variant": champion.variant,
        "champion_run_id": champion.run_id,
        "revalidated_at": datetime.now(UTC),
    }
