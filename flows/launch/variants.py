"""The variants of a launch: how each is made, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flows import steps
from flows.launch.context import REFERENCE, variant_names
from tasks.candidate.snapshot import keep_graphs
from tasks.decision.early_stop import reason_to_stop
from tasks.evidence import Unmeasured, VariantAnswers, VariantEvidence, VariantMade
from tasks.serving.server import serving_of

if TYPE_CHECKING:
    from flows.launch.against_champion import LiveChampion
    from flows.launch.context import Launch
    from tasks.core.records import Candidate, Serving, Variant


class Answered(NamedTuple):
    """A variant that was made and asked: how it is served, and the top-level modules that serving it imports.

    `served` is the reason instead where nothing more is to be measured of it.
    """

    made: VariantMade
    answers: VariantAnswers | Unmeasured
    served: Serving | Unmeasured
    modules: tuple[str, ...] = ()

    def evidence(self) -> VariantEvidence:
        """Return what is known of the variant before its costs are measured."""
        later = Unmeasured(stage=self.made.name, why="not measured yet")
        return VariantEvidence.of(self.made, self.answers, later)


def answer_variants(launch: Launch, reference: Variant | Unmeasured, champion: LiveChampion) -> list[Answered]:
    """Have fp32 answer first, since the others are held against its answers, and then each variant that was asked for."""
    answered = []
    for name in variant_names(launch.candidate):
        answered.append(_answer_variant(launch, name, reference, champion))
        launch.progress.advance(f"{name}: answers")
    return answered


def not_made(candidate: Candidate, why: Unmeasured) -> list[Answered]:
    """Return the variants of a launch that is rejected before any of them is made."""
    return [_not_made(candidate, name, why) for name in variant_names(candidate)]


def _not_made(candidate: Candidate, name: str, why: Unmeasured) -> Answered:
    made = VariantMade(name=name, asked=name in candidate.variants, variant=why, determinism=why)
    return Answered(made, why, why)


def _answer_variant(launch: Launch, name: str, reference: Variant | Unmeasured, champion: LiveChampion) -> Answered:
    """Make one variant and let it answer, unless a gate rejects it before."""
    candidate, policy = launch.candidate, launch.policy
    variant = reference
    if name != REFERENCE:
        rows = policy.measure.calibration_rows
        variant = steps.attempt(
            f"{name}: quantize", steps.quantize, candidate, reference, name, policy.target, launch.calibration, rows
        )
    if isinstance(variant, Unmeasured):
        return _not_made(candidate, name, variant)
    keep_graphs(variant, launch.folder.variant(name))
    served = serving_of(candidate, variant, policy.target, policy.measure.threads, launch.marking)
    made, modules = _answer_again(launch, name, variant, served)
    later = Unmeasured(stage=name, why="not measured yet")
    why = reason_to_stop(VariantEvidence.of(made, later, later), policy, "determinism")
    if why is not None:
        return Answered(made, why, why, modules)
    answers = _answer_sets(launch, name, served, champion)
    why = reason_to_stop(VariantEvidence.of(made, answers, later), policy, "answers")
    return Answered(made, answers, why or served, modules)


def _answer_again(launch: Launch, name: str, variant: Variant, served: Serving) -> tuple[VariantMade, tuple[str, ...]]:
    """Return how a variant answers the same inputs again and in other batches, and the modules that serving it imports."""
    policy, out = launch.policy, launch.folder.variant(name)
    repeated = steps.attempt(
        f"{name}: determinism",
        steps.repeat,
        served,
        launch.production,
        policy.measure,
        policy.sample.seed,
        out.path,
    )
    determinism, modules = (repeated, ()) if isinstance(repeated, Unmeasured) else repeated
    asked = name in launch.candidate.variants
    return VariantMade(name=name, asked=asked, variant=variant, determinism=determinism), modules


def _answer_sets(launch: Launch, name: str, served: Serving, champion: LiveChampion) -> VariantAnswers:
    """Return what a variant answers to production and to the evaluation set, and how surely."""
    candidate, out = launch.candidate, launch.folder.variant(name)
    base = launch.folder.variant(REFERENCE).answers("production")
    evaluation = steps.attempt(
        f"{name}: evaluate",
        steps.evaluate,
        candidate,
        served,
        launch.drawn_sets,
        out.path,
        base,
        champion=champion.answers,
    )
    answers = evaluation if isinstance(evaluation, Unmeasured) else out.answers("production")
    calibration = steps.attempt(
        f"{name}: calibrate", steps.calibrate, candidate, served, launch.calibration, answers, out.path
    )
    return VariantAnswers(
        provider=steps.attempt(f"{name}: provider", steps.prove, served, launch.production),
        evaluation=evaluation,
        calibration=calibration,
        label_free=steps.attempt(f"{name}: estimate", steps.estimate, answers, out.answers("calibration")),
    )
