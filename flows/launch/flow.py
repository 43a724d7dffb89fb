"""A candidate becomes variants, variants yield evidence, gates judge it, the decision is recorded, the registry moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow

from flows import steps
from flows.artifacts import Progress, announce
from flows.launch.against_champion import ask_champion, nobody
from flows.launch.context import REFERENCE, Launch, variant_names
from flows.launch.costs import measure_costs
from flows.launch.data import measure_data
from flows.launch.inputs import Inputs, take_inputs
from flows.launch.variants import answer_variants, not_made
from flows.signals import unstoppable
from infra.ledger.mlflow_ledger import open_ledger
from tasks.candidate.snapshot import keep_candidate
from tasks.core.files import write_whole
from tasks.core.records import Candidate, Target, Variant  # noqa: TC001  same
from tasks.core.run_folder import RunFolder
from tasks.core.store import home
from tasks.core.verdicts import Decision  # noqa: TC001  same
from tasks.cost.projection import price
from tasks.decision.decide import decide
from tasks.decision.early_stop import reason_to_stop
from tasks.evidence import Evidence, ExportEvidence, Unmeasured
from tasks.report.progress import planned
from tasks.report.stages import stages_of
from tasks.serving.server import serving_of
from tasks.variants.parity import failed_export

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.launch.variants import Answered
    from infra.ledger.port import Kind, Ledger
    from tasks.decision.policy import Policy
    from tasks.evidence import ReviewEvidence


@flow(name="launch", flow_run_name="{candidate}", persist_result=False, validate_parameters=False)
def launch(candidate: str, policy: str | None = None, target: Target | None = None) -> Decision:
    """Take the candidate in a folder to a recorded decision, and make it the champion if that is promote.

    `policy` is a name or a path, by default the candidate's own; `target` replaces the policy's. Raises InputError
    before anything is measured where the candidate, the policy, the log or the ledger is wrong.
    """
    return run(take_inputs(candidate, policy, target))


def run(inputs: Inputs, kind: Kind = "launch", tags: dict[str, str] | None = None) -> Decision:
    """Run a launch inside the current flow; `revalidate` runs it for a champion."""
    candidate, policy, ledger = inputs.candidate, inputs.policy, open_ledger()
    with unstoppable() as stoppable:
        run_id = ledger.start(candidate, policy, kind, tags or {})
        try:
            with stoppable():
                progress = Progress(
                    candidate.name, run_id, ledger.url(run_id), parts=2 * len(variant_names(candidate)) + 3
                )
                folder = RunFolder(home() / "runs" / run_id)
                with planned(_stages(candidate, policy, ledger)):
                    evidence = price(collect_evidence(inputs, ledger, run_id, folder, progress), policy.business)
                    decision = decide(evidence, policy, run_id)
                    record_launch(ledger, policy, folder, evidence, decision)
                progress.advance("record")
                announce(decision, ledger.url(run_id))
            conclude(ledger, run_id, decision, kind)
        except BaseException as error:
            stopped = not isinstance(error, Exception)
            ledger.stop(run_id, "KILLED" if stopped else "FAILED", str(error) or type(error).__name__)
            raise
    return decision


def _stages(candidate: Candidate, policy: Policy, ledger: Ledger) -> dict[str, float | None]:
    """Return the stages that the launch will run if nothing stops it early, with their budgets in seconds."""
    champion = ledger.champion(candidate.name) is not None
    return stages_of(variant_names(candidate), REFERENCE, policy.measure, champion=champion)


def conclude(ledger: Ledger, run_id: str, decision: Decision, kind: Kind) -> None:
    """Give the launch its version, move the champion if the decision says so, and close the run."""
    if kind == "launch":
        ledger.register(run_id, decision)
        if decision.outcome == "promote":
            ledger.promote(run_id)
    ledger.stop(run_id, "FINISHED", decision.reasons[0])


def collect_evidence(inputs: Inputs, ledger: Ledger, run_id: str, folder: RunFolder, progress: Progress) -> Evidence:
    """Collect all evidence; a stage that has no result leaves an `Unmeasured`, and the others go on."""
    candidate, policy, marking = inputs
    keep_candidate(candidate, folder)
    sets = steps.copy_sets(candidate, folder)
    data = measure_data(candidate, policy, sets, marking, folder)
    progress.advance("sample")
    production = data.sample if isinstance(data.sample, Unmeasured) else sets.production
    launch = Launch(candidate, policy, ledger, run_id, folder, progress, sets, marking, production)
    why = reason_to_stop(Evidence.so_far(data), policy, "data")
    reference = why or _export(launch)
    export = _held_to_torch(launch, reference)
    progress.advance("export")
    why = why or reason_to_stop(Evidence.so_far(data, export), policy, "export")
    champion = nobody(why) if why else ask_champion(launch)
    answered = not_made(candidate, why) if why else answer_variants(launch, reference, champion)
    modules = next((each.modules for each in answered if each.modules), ())
    dependencies = steps.attempt("dependencies", steps.check_lock, candidate, modules)
    review = _to_read(launch, answered)
    found = Evidence(
        **dict(data),
        export=export,
        dependencies=dependencies,
        review=review,
        champion=champion.evidence,
        variants=tuple(each.evidence() for each in answered),
    )
    why = why or reason_to_stop(found, policy, "review")
    return found.replacing(variants=measure_costs(launch, answered, champion, found, why))


def _export(launch: Launch) -> Variant | Unmeasured:
    """Return the fp32 variant."""
    return steps.attempt("export", steps.export, launch.candidate, launch.production)


def _held_to_torch(launch: Launch, reference: Variant | Unmeasured) -> ExportEvidence | Unmeasured:
    """Hold the exported graph against torch; a model that can't be exported is itself a finding."""
    if isinstance(reference, Unmeasured):
        return failed_export(reference.why) if reference.finding else reference
    policy, candidate = launch.policy, launch.candidate
    served = serving_of(candidate, reference, policy.target, policy.measure.threads, launch.marking)
    return steps.attempt(
        "parity", steps.parity, candidate, served, reference, policy.measure, launch.production, policy.sample.seed
    )


def _to_read(launch: Launch, answered: Sequence[Answered]) -> ReviewEvidence | Unmeasured:
    """Draw the requests that people are given to read, with the answers of every variant that has some."""
    names = [each.made.name for each in answered if not isinstance(each.evidence().evaluation, Unmeasured)]
    answers = {name: launch.folder.variant(name).answers("production") for name in names}
    policy, columns = launch.policy, launch.candidate.columns
    return steps.attempt(
        "review",
        steps.review,
        launch.production,
        columns,
        answers,
        policy.review,
        policy.sample.seed,
        launch.folder.review,
    )


def record_launch(ledger: Ledger, policy: Policy, folder: RunFolder, evidence: Evidence, decision: Decision) -> None:
    """Write the decision, the evidence and the report, and put everything into the ledger."""
    write_whole(folder.evidence, evidence.model_dump_json().encode())
    write_whole(folder.decision, decision.model_dump_json(indent=2, by_alias=True).encode())
    write_whole(folder.environment, evidence.environment.model_dump_json(indent=2).encode())
    write_whole(folder.policy, policy.text().encode())
    steps.attempt("report", steps.report, evidence, decision, folder)
    ledger.record(decision.run_id, evidence, decision, folder)
