"""A candidate becomes variants, variants yield evidence, gates judge it, the decision is recorded, the registry moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path  # noqa: TC003  Prefect reads annotations when the flow runs
from typing import TYPE_CHECKING

from prefect import flow

from flows import steps
from flows.artifacts import Progress, announce
from flows.launch.against_champion import ask_incumbent, nobody
from flows.launch.context import REFERENCE, Launch, variant_names
from flows.launch.costs import measure_costs
from flows.launch.data import measure_data
from flows.launch.inputs import preflight, read_inputs
from flows.launch.variants import answer_variants, spared
from flows.signals import unstoppable
from infra.ledger.mlflow_ledger import open_ledger
from tasks.candidate.snapshot import keep_candidate
from tasks.core.files import write_whole
from tasks.core.records import Candidate, Target, Variant  # noqa: TC001  same
from tasks.core.store import home
from tasks.core.verdicts import Decision  # noqa: TC001  same
from tasks.cost.projection import price
from tasks.decision.decide import decide
from tasks.decision.early_stop import reason_to_stop
from tasks.decision.tolerance import marking
from tasks.evaluation.review import REVIEW_FILE
from tasks.evaluation.scores import PRODUCTION_FILE
from tasks.evidence import Evidence, ExportEvidence, Unmeasured
from tasks.report.progress import planned
from tasks.report.stages import stages_of
from tasks.serving.server import serving_of
from tasks.variants.parity import failed_export

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.launch.context import Answered
    from infra.ledger.port import Kind, Ledger
    from tasks.decision.policy import Policy
    from tasks.evidence import ReviewEvidence


GATES_OF_DATA = ("sample-size", "data-quality", "drift")  # told before there is a graph
GATES_OF_EXPORT = ("export-parity",)  # told before there is a variant
GATES_OF_LAUNCH = ("pinned-dependencies", "sample-size", "review-sample")  # told once variants have answered


@flow(name="launch", flow_run_name="{candidate}", persist_result=False, validate_parameters=False)
def launch(candidate: str, policy: str | None = None, target: Target | None = None) -> Decision:
    """Take the candidate in a folder to a recorded decision, and make it the champion if that is promote.

    `policy` is a name or a path, by default the candidate's own; `target` replaces the policy's. Raises InputError
    before anything is measured where the candidate, the policy, the log or the ledger is wrong.
    """
    return run(*read_inputs(candidate, policy, target))


def run(candidate: Candidate, policy: Policy, kind: Kind = "launch", tags: dict[str, str] | None = None) -> Decision:
    """Run a launch inside the current flow; `revalidate` runs it for a champion."""
    ledger = open_ledger()
    preflight(candidate, policy, ledger)
    with unstoppable() as stoppable:
        run_id = ledger.start(candidate, policy, kind, tags or {})
        try:
            with stoppable():
                progress = Progress(
                    candidate.name, run_id, ledger.url(run_id), parts=2 * len(variant_names(candidate)) + 3
                )
                current = Launch(candidate, policy, ledger, run_id, home() / "runs" / run_id, progress)
                with planned(_stages(candidate, policy, ledger)):
                    evidence = price(measure(current), policy.business)
                    decision = decide(evidence, policy, run_id)
                    record(current, evidence, decision)
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


def measure(current: Launch) -> Evidence:
    """Collect all evidence; a stage that has no result leaves an `Unmeasured`, and the others go on."""
    candidate, policy = current.candidate, current.policy
    keep_candidate(candidate, current.folder)
    sets = steps.copy_sets(candidate, current.folder)
    current = replace(current, marking=marking(candidate, policy, sets.evaluation))
    found = measure_data(current, sets)
    current.progress.advance("sample")
    drawn_sets = found.sample if isinstance(found.sample, Unmeasured) else sets
    production = found.sample if isinstance(found.sample, Unmeasured) else sets.production
    why = reason_to_stop(found, policy, GATES_OF_DATA)
    reference: Variant | Unmeasured | None = why
    if reference is None:
        reference = steps.attempt("export", steps.export, candidate, production)
    found = found.model_copy(update={"export": exported(current, reference, production)})
    current.progress.advance("export")
    why = why or reason_to_stop(found, policy, GATES_OF_EXPORT)
    incumbent = nobody(why) if why else ask_incumbent(current, drawn_sets)
    answered = spared(candidate, why) if why else answer_variants(current, drawn_sets, reference, incumbent)
    modules = next((each.modules for each in answered if each.modules), ())
    found = found.model_copy(
        update={
            "dependencies": steps.attempt("dependencies", steps.check_lock, candidate, modules),
            "review": to_read(current, production, answered),
            "champion": incumbent.evidence,
            "variants": tuple(each.evidence for each in answered),
        }
    )
    why = why or reason_to_stop(found, policy, GATES_OF_LAUNCH)
    return found.model_copy(update={"variants": measure_costs(current, answered, drawn_sets, incumbent, why)})


def to_read(
    current: Launch, production: Path | Unmeasured, answered: Sequence[Answered]
) -> ReviewEvidence | Unmeasured:
    """Draw the requests that people are given to read, with the answers of every variant that has some."""
    names = [each.evidence.name for each in answered if not isinstance(each.evidence.evaluation, Unmeasured)]
    answers = {name: current.folder / "variants" / name / PRODUCTION_FILE for name in names}
    policy = current.policy
    return steps.attempt(
        "review",
        steps.review,
        production,
        current.candidate.columns,
        answers,
        policy.review,
        policy.sample.seed,
        current.folder / REVIEW_FILE,
    )


def exported(
    current: Launch, reference: Variant | Unmeasured, production: Path | Unmeasured
) -> ExportEvidence | Unmeasured:
    """Hold the exported graph against torch; a model that can't be exported is itself a finding."""
    if isinstance(reference, Unmeasured) and reference.finding:
        return failed_export(reference.why)
    policy, candidate = current.policy, current.candidate
    if isinstance(reference, Unmeasured):
        return reference
    served = serving_of(candidate, reference, policy.target, policy.measure.threads, current.marking)
    return steps.attempt(
        "parity", steps.parity, candidate, served, reference, policy.measure, production, policy.sample.seed
    )


def record(current: Launch, evidence: Evidence, decision: Decision) -> None:
    """Write the decision, the evidence and the report, and put everything into the ledger."""
    folder = current.folder
    write_whole(folder / "evidence.json", evidence.model_dump_json().encode())
    write_whole(folder / "decision.json", decision.model_dump_json(indent=2, by_alias=True).encode())
    write_whole(folder / "environment.json", evidence.environment.model_dump_json(indent=2).encode())
    write_whole(folder / "policy.yaml", current.policy.text().encode())
    steps.attempt("report", steps.report, evidence, decision, folder / "report.html")
    current.ledger.record(current.run_id, evidence, decision, folder)
