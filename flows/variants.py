"""The variants of a launch: how each answers, and, once all have, how fast and in how much memory each does."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from flows import steps
from flows.incumbent import FETCHED
from tasks.calibrate import CALIBRATION_FILE
from tasks.decide import rejection
from tasks.evidence import FirstLaunch, Unmeasured, VariantEvidence
from tasks.export import serving
from tasks.kept import keep_graphs
from tasks.load.stage import UnderLoad
from tasks.score import PRODUCTION_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows.current import Launch
    from flows.incumbent import Incumbent
    from tasks.datasets import DataSets
    from tasks.evidence import CapacityEvidence, Evidence, LatencyEvidence
    from tasks.gates import latency_slo
    from tasks.policy import Policy
    from tasks.records import Candidate, Serving, Variant

REFERENCE = "fp32"
ANSWERS = ("provider", "evaluation", "calibration", "label_free")
COSTS = ("latency", "load", "capacity", "champion_latency", "cold_start", "robustness", "memory", "cost")
GATES_OF_SAMENESS = ("batch-invariance", "repeatability")  # told before a whole sample is answered
GATES_OF_ANSWERS = (
    "execution-provider", "error-rate", "quantization-loss", "production-accuracy", "production-gap", "slice-accuracy",
    "coverage", "calibration", "silent-failures",
)  # fmt: skip
GATES_OF_COSTS = (
    "robustness", "champion-regression", "latency-slo", "batch-profile", "cold-start", "memory-per-request", "memory-leak",
)  # fmt: skip


class Answered(NamedTuple):
    """A variant's evidence so far, how it is served, and the top-level modules that serving it imports.

    `served` is the reason instead where nothing more is to be measured of it.
    """

    evidence: VariantEvidence
    served: Serving | Unmeasured
    modules: tuple[str, ...] = ()


def answer_variants(
    current: Launch, sets: DataSets | Unmeasured, reference: Variant | Unmeasured, incumbent: Incumbent
) -> list[Answered]:
    """Have fp32 answer first, since the others are held against its answers, and then each variant that was asked for."""
    answered = []
    for name in variant_names(current.candidate):
        answered.append(_answer_variant(current, name, sets, reference, incumbent))
        current.progress.advance(f"{name}: answers")
    return answered


def measure_costs(
    current: Launch,
    answered: Sequence[Answered],
    sets: DataSets | Unmeasured,
    incumbent: Incumbent,
    why: Unmeasured | None,
) -> tuple[VariantEvidence, ...]:
    """Measure what answers take of each variant that is still to be measured, of none where there is a reason `why` not to."""
    found = []
    for each in answered:
        served = why or each.served
        if isinstance(served, Unmeasured):
            found.append(each.evidence.model_copy(update=dict.fromkeys(COSTS, served)))
        else:
            found.append(_measure_costs(current, each.evidence, served, sets, incumbent))
        current.progress.advance(f"{each.evidence.name}: costs")
    shutil.rmtree(current.folder / FETCHED, ignore_errors=True)
    return tuple(found)


def variant_names(candidate: Candidate) -> list[str]:
    """Return the reference, and then each other variant that was asked for."""
    return [REFERENCE, *(name for name in candidate.variants if name != REFERENCE)]


def spared(candidate: Candidate, why: Unmeasured) -> list[Answered]:
    """Return the variants of a launch that is rejected before any of them is made."""
    return [Answered(_without(candidate, name, why), why) for name in variant_names(candidate)]


def _answer_variant(
    current: Launch, name: str, sets: DataSets | Unmeasured, reference: Variant | Unmeasured, incumbent: Incumbent
) -> Answered:
    """Make one variant and let it answer, as far as the policy asks for of one that its answers reject."""
    candidate, policy = current.candidate, current.policy
    fixed = sets if isinstance(sets, Unmeasured) else sets.calibration
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
            policy.measure.calibration_rows,
        )
    if isinstance(variant, Unmeasured):
        return Answered(_without(candidate, name, variant), variant)
    keep_graphs(variant, current.folder / "variants" / name)
    served = serving(candidate, variant, policy.target, policy.measure.threads, current.marking)
    alike, modules = _measure_sameness(current, name, variant, served, sets)
    if (why := reason_to_stop(alike, policy, GATES_OF_SAMENESS)) is not None:
        return Answered(alike.model_copy(update=dict.fromkeys(ANSWERS, why)), why, modules)
    answered = _measure_answers(current, alike, served, sets, incumbent)
    return Answered(answered, reason_to_stop(answered, policy, GATES_OF_ANSWERS) or served, modules)


def reason_to_stop(subject: Evidence | VariantEvidence, policy: Policy, gates: Sequence[str]) -> Unmeasured | None:
    """Return why a launch or a variant is measured no further: the first of these gates that rejects it. None if it is."""
    gate = rejection(subject, policy, gates) if policy.measure.rejected == "stop" else None
    if gate is None:
        return None
    of = subject.name if isinstance(subject, VariantEvidence) else "variants"
    what = "this variant" if isinstance(subject, VariantEvidence) else "the launch"
    return Unmeasured(stage=of, why=f"{gate.gate} rejects {what} already")


def _without(candidate: Candidate, name: str, why: Unmeasured) -> VariantEvidence:
    asked = name in candidate.variants
    return VariantEvidence(
        name=name, asked=asked, variant=why, determinism=why, **dict.fromkeys((*ANSWERS, *COSTS), why)
    )


def _measure_sameness(
    current: Launch, name: str, variant: Variant, served: Serving, sets: DataSets | Unmeasured
) -> tuple[VariantEvidence, tuple[str, ...]]:
    """Return how a variant answers the same inputs again and in other batches, and the modules that serving it imports."""
    policy = current.policy
    rows = sets if isinstance(sets, Unmeasured) else sets.production
    out = current.folder / "variants" / name
    repeated = steps.attempt(
        f"{name}: determinism", steps.repeat, served, rows, policy.measure, policy.sample.seed, out
    )
    determinism, modules = (repeated, ()) if isinstance(repeated, Unmeasured) else repeated
    later = Unmeasured(stage=name, why="not measured yet")
    evidence = VariantEvidence(
        name=name,
        asked=name in current.candidate.variants,
        variant=variant,
        determinism=determinism,
        **dict.fromkeys((*ANSWERS, *COSTS), later),
    )
    return evidence, modules


def _measure_answers(
    current: Launch, evidence: VariantEvidence, served: Serving, sets: DataSets | Unmeasured, incumbent: Incumbent
) -> VariantEvidence:
    """Return the evidence with what a variant answers to production and to the evaluation set, and how surely."""
    candidate, name = current.candidate, evidence.name
    out = current.folder / "variants" / name
    fixed = sets if isinstance(sets, Unmeasured) else sets.calibration
    production = sets if isinstance(sets, Unmeasured) else sets.production
    base = current.folder / "variants" / REFERENCE / PRODUCTION_FILE
    evaluation = steps.attempt(
        f"{name}: evaluate", steps.evaluate, candidate, served, sets, out, base, champion=incumbent.answers
    )
    answers = evaluation if isinstance(evaluation, Unmeasured) else out / PRODUCTION_FILE
    calibration = steps.attempt(f"{name}: calibrate", steps.calibrate, candidate, served, fixed, answers, out)
    return evidence.model_copy(
        update={
            "provider": steps.attempt(f"{name}: provider", steps.prove, served, production),
            "evaluation": evaluation,
            "calibration": calibration,
            "label_free": steps.attempt(f"{name}: estimate", steps.estimate, answers, out / CALIBRATION_FILE),
        }
    )


def _measure_costs(
    current: Launch, evidence: VariantEvidence, served: Serving, sets: DataSets | Unmeasured, incumbent: Incumbent
) -> VariantEvidence:
    """Return the evidence with what answers take: time, a start, memory; and what odd requests do."""
    policy, name = current.policy, evidence.name
    measuring, seed, together = policy.measure, policy.sample.seed, policy.business.serving_batch
    out = current.folder / "variants" / name
    rows = sets if isinstance(sets, Unmeasured) else sets.production
    rest: Sequence[object] = (measuring, seed, out)
    batched: Sequence[object] = (measuring, together, seed, out)
    latency = steps.attempt(f"{name}: latency", steps.time_calls, served, rows, *rest)
    slo = cast("latency_slo.Limits", policy.limits()["latency-slo"])
    stages: dict[str, Any] = {
        "latency": latency,
        "load": steps.attempt(
            f"{name}: load",
            steps.offer_load,
            _under_load(current, name, served, rows, latency),
            slo.under_load,
            slo.confidence,
        )
        if measuring.load_seconds
        else Unmeasured(stage=f"{name}: load", why="the policy asks for no load (measure.load_seconds is 0)"),
        "champion_latency": incumbent.served
        if isinstance(incumbent.served, FirstLaunch)
        else steps.attempt(f"{name}: champion latency", steps.time_in_turns, served, incumbent.served, rows, *batched),
        "cold_start": steps.attempt(f"{name}: cold start", steps.time_starts, served, rows, *batched)
        if measuring.cold_starts
        else Unmeasured(
            stage=f"{name}: cold start", why="the policy asks for no cold start (measure.cold_starts is 0)"
        ),
        "robustness": steps.attempt(
            f"{name}: robustness", steps.perturb, served, rows, current.candidate.columns.label, *rest
        ),
        "memory": steps.attempt(f"{name}: memory", steps.watch_memory, served, rows, measuring, seed),
    }
    found = evidence.model_copy(update=stages)
    return found.model_copy(update={"capacity": _measure_capacity(current, found, served, rows)})


def _measure_capacity(
    current: Launch, evidence: VariantEvidence, served: Serving, rows: Path | Unmeasured
) -> CapacityEvidence | Unmeasured:
    """Return what a replica of a variant sustains that nothing rejects so far: it takes the longest of all."""
    policy, stage = current.policy, f"{evidence.name}: capacity"
    measuring, slo = policy.measure, cast("latency_slo.Limits", policy.limits()["latency-slo"])
    if not measuring.capacity_seconds:
        return Unmeasured(stage=stage, why="the policy asks for no capacity (measure.capacity_seconds is 0)")
    if (why := reason_to_stop(evidence, policy, GATES_OF_COSTS)) is not None:
        return why
    return steps.attempt(
        stage,
        steps.find_capacity,
        _under_load(current, evidence.name, served, rows, evidence.latency),
        slo.objective,
        policy.limits()["capacity"].confidence,
    )


def _under_load(
    current: Launch, name: str, served: Serving, rows: Path | Unmeasured, latency: LatencyEvidence | Unmeasured
) -> UnderLoad | Unmeasured:
    """Return what a stage is given that puts a variant under load, or what it lacks."""
    if isinstance(rows, Unmeasured):
        return rows
    if isinstance(latency, Unmeasured):
        return latency
    policy, out = current.policy, current.folder / "variants" / name
    return UnderLoad(served, rows, latency, policy.measure, policy.business, policy.sample.seed, out)
