"""A candidate becomes variants, variants yield evidence, gates judge it, the decision is recorded, the registry moves."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003  Prefect reads annotations when the flow runs
from typing import TYPE_CHECKING, NamedTuple

from prefect import flow

from flows import steps
from flows.announce import Progress, announce
from flows.interrupt import unstoppable
from flows.preflight import preflight, read_inputs
from infra.ledger import open_ledger
from tasks.calibrate import CALIBRATION_FILE
from tasks.candidate import candidate_digest
from tasks.champion import keep_candidate, keep_graphs, load_kept
from tasks.decide import decide, price
from tasks.environment import describe_environment
from tasks.evidence import Evidence, ExportEvidence, FirstLaunch, Unmeasured, VariantEvidence
from tasks.export import failed_export, serving
from tasks.files import write_whole
from tasks.marking import marking
from tasks.records import Candidate, Decision, InputError, Marking, StageError, Target, Variant
from tasks.review import REVIEW_FILE
from tasks.score import PRODUCTION_FILE
from tasks.store import home

if TYPE_CHECKING:
    from infra.ledger import Kind, Ledger
    from tasks.datasets import DataSets
    from tasks.evidence import ReviewEvidence, SampleEvidence
    from tasks.policy import Policy
    from tasks.records import Serving

REFERENCE = "fp32"
FETCHED = "champion"  # the folder of the live champion's files, while it is compared with
MEASUREMENTS = (
    "provider", "evaluation", "calibration", "label_free", "latency", "champion_latency", "cold_start", "determinism",
    "robustness", "memory", "cost",
)  # fmt: skip


@dataclass(frozen=True)
class Launch:
    """What every stage of one launch shares."""

    candidate: Candidate
    policy: Policy
    ledger: Ledger
    run_id: str
    folder: Path
    progress: Progress
    marking: Marking = field(default_factory=Marking)


class Live(NamedTuple):
    """The live champion in this launch: the file of its answers to the production sample, and how it is served."""

    answers: Path | FirstLaunch | Unmeasured
    served: Serving | FirstLaunch | Unmeasured


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
                progress = Progress(candidate.name, run_id, ledger.url(run_id), parts=len(variant_names(candidate)) + 3)
                current = Launch(candidate, policy, ledger, run_id, home() / "runs" / run_id, progress)
                evidence = price(measure(current), policy)
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
    as_of = candidate.data.as_of or datetime.now(UTC)
    drawn = steps.attempt("sample", steps.sample, candidate, policy.sample, as_of, sets.production)
    production = sets.production if not isinstance(drawn, Unmeasured) else drawn
    described = (
        steps.attempt("describe-production", steps.describe, production, candidate.columns),
        steps.attempt("describe-evaluation", steps.describe, sets.evaluation, candidate.columns),
    )
    quality = current.folder / "quality"
    production_quality = steps.attempt(
        "validate-production",
        steps.check_production,
        production,
        sets.evaluation,
        candidate,
        policy,
        as_of,
        quality,
    )
    evaluation_quality = steps.attempt(
        "validate-evaluation", steps.check_evaluation, sets.evaluation, candidate, quality
    )
    drift = steps.attempt("drift", steps.drift, production, sets.evaluation, candidate.columns, *described)
    current.progress.advance("sample")
    reference = steps.attempt("export", steps.export, candidate, production)
    parity = exported(current, reference, production)
    current.progress.advance("export")
    variants = measure_variants(current, sets, drawn, reference)
    review = to_read(current, production, variants)
    modules = next((found for _, found in variants if found), ())
    return Evidence(
        candidate=candidate.name,
        candidate_folder=candidate.folder.name,
        candidate_sha256=candidate_digest(candidate),
        task=candidate.task,
        marking=current.marking,
        target=policy.target,
        environment=describe_environment(),
        sample=drawn,
        production_quality=production_quality,
        evaluation_quality=evaluation_quality,
        drift=drift,
        dependencies=steps.attempt("dependencies", steps.check_lock, candidate, modules),
        export=parity,
        review=review,
        variants=tuple(evidence for evidence, _ in variants),
    )


def to_read(
    current: Launch, production: Path | Unmeasured, variants: list[tuple[VariantEvidence, tuple[str, ...]]]
) -> ReviewEvidence | Unmeasured:
    """Draw the requests that people are given to read, with the answers of every variant that has some."""
    answered = [each.name for each, _ in variants if not isinstance(each.evaluation, Unmeasured)]
    answers = {name: current.folder / "variants" / name / PRODUCTION_FILE for name in answered}
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
    served = serving(candidate, reference, policy.target, policy.measure.threads, current.marking)
    return steps.attempt(
        "parity", steps.parity, candidate, served, reference, policy.measure, production, policy.sample.seed
    )


def measure_variants(
    current: Launch, sets: DataSets, drawn: SampleEvidence | Unmeasured, reference: Variant | Unmeasured
) -> list[tuple[VariantEvidence, tuple[str, ...]]]:
    """Measure fp32 first, since the others are held against its answers, and then each variant that was asked for."""
    sets_or_none = drawn if isinstance(drawn, Unmeasured) else sets
    live = live_champion(current, sets_or_none)
    measured = []
    for name in variant_names(current.candidate):
        measured.append(measure_variant(current, name, sets_or_none, reference, live))
        current.progress.advance(name)
    shutil.rmtree(current.folder / FETCHED, ignore_errors=True)
    return measured


def variant_names(candidate: Candidate) -> list[str]:
    """Return the reference, and then each other variant that was asked for."""
    return [REFERENCE, *(name for name in candidate.variants if name != REFERENCE)]


def measure_variant(
    current: Launch,
    name: str,
    sets: DataSets | Unmeasured,
    reference: Variant | Unmeasured,
    live: Live,
) -> tuple[VariantEvidence, tuple[str, ...]]:
    """Make one variant and measure it; returns its evidence and the top-level modules that serving it imports."""
    candidate, policy = current.candidate, current.policy
    asked = name in candidate.variants
    measuring, seed, together = policy.measure, policy.sample.seed, policy.business.serving_batch
    out = current.folder / "variants" / name
    fixed = sets if isinstance(sets, Unmeasured) else sets.calibration
    production = sets if isinstance(sets, Unmeasured) else sets.production
    variant = reference
    if name != REFERENCE:
        variant = steps.attempt(
            f"{name}: quantize",
            steps.quantize,
            candidate,
            reference,
            name,
            policy.target,
            fixed,
            measuring.calibration_rows,
        )
    if isinstance(variant, Unmeasured):
        return VariantEvidence(name=name, asked=asked, variant=variant, **dict.fromkeys(MEASUREMENTS, variant)), ()
    keep_graphs(variant, out)
    served = serving(candidate, variant, policy.target, measuring.threads, current.marking)
    base = current.folder / "variants" / REFERENCE / PRODUCTION_FILE
    repeated = steps.attempt(f"{name}: determinism", steps.repeat, served, production, measuring, seed, out)
    evidence, modules = (repeated, ()) if isinstance(repeated, Unmeasured) else repeated
    evaluation = steps.attempt(
        f"{name}: evaluate", steps.evaluate, candidate, served, sets, out, base, champion=live.answers
    )
    answers = evaluation if isinstance(evaluation, Unmeasured) else out / PRODUCTION_FILE
    calibration = steps.attempt(f"{name}: calibrate", steps.calibrate, candidate, served, fixed, answers, out)
    return VariantEvidence(
        name=name,
        asked=asked,
        variant=variant,
        provider=steps.attempt(f"{name}: provider", steps.prove, served, production),
        evaluation=evaluation,
        calibration=calibration,
        label_free=steps.attempt(f"{name}: estimate", steps.estimate, answers, out / CALIBRATION_FILE),
        latency=steps.attempt(f"{name}: latency", steps.time_calls, served, production, measuring, seed, out),
        champion_latency=live.served
        if isinstance(live.served, FirstLaunch)
        else steps.attempt(
            f"{name}: champion latency",
            steps.time_in_turns,
            served,
            live.served,
            production,
            measuring,
            together,
            seed,
            out,
        ),
        cold_start=steps.attempt(
            f"{name}: cold start", steps.time_starts, served, production, measuring, together, seed, out
        )
        if measuring.cold_starts
        else Unmeasured(
            stage=f"{name}: cold start", why="the policy asks for no cold start (measure.cold_starts is 0)"
        ),
        determinism=evidence,
        robustness=steps.attempt(
            f"{name}: robustness", steps.perturb, served, production, candidate.columns.label, measuring, seed, out
        ),
        memory=steps.attempt(f"{name}: memory", steps.watch_memory, served, production, measuring, seed),
        cost=Unmeasured(stage="cost", why="not projected yet"),
    ), modules


def live_champion(current: Launch, sets: DataSets | Unmeasured) -> Live:
    """Let the live champion answer the same production sample, with its own variant and adapter.

    Its files stay in the launch's folder until all variants are measured.
    """
    live = current.ledger.champion(current.candidate.name)
    if live is None:
        first = FirstLaunch(model=current.candidate.name)
        return Live(first, first)
    if isinstance(sets, Unmeasured):
        return Live(sets, sets)
    into = current.folder / FETCHED
    try:
        kept = current.ledger.fetch(live.run_id, "candidate", into)
        files = current.ledger.fetch_variant(live.run_id, live.variant, into / "variant")
        champion, variant = load_kept(kept, live.variant, files)
    except (InputError, StageError) as error:
        gone = Unmeasured(stage="champion", why=f"the champion, version {live.version}, can't be loaded: {error}")
        return Live(gone, gone)
    policy = current.policy
    served = serving(champion, variant, policy.target, policy.measure.threads, current.marking)
    answers = steps.attempt(
        "champion",
        steps.ask_champion,
        champion,
        served,
        sets.production,
        current.candidate,
        current.folder / "variants" / "champion",
    )
    return Live(answers, answers if isinstance(answers, Unmeasured) else served)


def record(current: Launch, evidence: Evidence, decision: Decision) -> None:
    """Write the decision, the evidence and the report, and put everything into the ledger."""
    folder = current.folder
    write_whole(folder / "evidence.json", evidence.model_dump_json().encode())
    write_whole(folder / "decision.json", decision.model_dump_json(indent=2, by_alias=True).encode())
    write_whole(folder / "environment.json", evidence.environment.model_dump_json(indent=2).encode())
    write_whole(folder / "policy.yaml", current.policy.text().encode())
    steps.attempt("report", steps.report, evidence, decision, folder / "report.html")
    current.ledger.record(current.run_id, evidence, decision, folder)


if __name__ == "__main__":
    from flows.cli import main

    main(["launch", *sys.argv[1:]])
