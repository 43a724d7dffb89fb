"""The variants of a launch: how each answers, and, once all have, how fast and in how much memory each does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows import steps
from flows.launch.context import REFERENCE, Answered, variant_names
from flows.launch.costs import COSTS
from tasks.candidate.snapshot import keep_graphs
from tasks.decision.early_stop import reason_to_stop
from tasks.evaluation.calibration import CALIBRATION_FILE
from tasks.evaluation.scores import PRODUCTION_FILE
from tasks.evidence import Unmeasured, VariantEvidence
from tasks.serving.server import serving_of

if TYPE_CHECKING:
    from flows.launch.against_champion import Incumbent
    from flows.launch.context import Launch
    from tasks.core.records import Candidate, Serving, Variant
    from tasks.data.datasets import DataSets


ANSWERS = ("provider", "evaluation", "calibration", "label_free")
GATES_OF_SAMENESS = ("batch-invariance", "repeatability")  # told before a whole sample is answered
GATES_OF_ANSWERS = (
    "execution-provider", "error-rate", "quantization-loss", "production-accuracy", "production-gap", "slice-accuracy",
    "coverage", "calibration", "silent-failures",
)  # fmt: skip


def answer_variants(
    current: Launch, sets: DataSets | Unmeasured, reference: Variant | Unmeasured, incumbent: Incumbent
) -> list[Answered]:
    """Have fp32 answer first, since the others are held against its answers, and then each variant that was asked for."""
    answered = []
    for name in variant_names(current.candidate):
        answered.append(_answer_variant(current, name, sets, reference, incumbent))
        current.progress.advance(f"{name}: answers")
    return answered


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
    served = serving_of(candidate, variant, policy.target, policy.measure.threads, current.marking)
    alike, modules = _measure_sameness(current, name, variant, served, sets)
    if (why := reason_to_stop(alike, policy, GATES_OF_SAMENESS)) is not None:
        return Answered(alike.model_copy(update=dict.fromkeys(ANSWERS, why)), why, modules)
    answered = _measure_answers(current, alike, served, sets, incumbent)
    return Answered(answered, reason_to_stop(answered, policy, GATES_OF_ANSWERS) or served, modules)


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
