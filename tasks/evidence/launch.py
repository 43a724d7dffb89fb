"""All that a launch measured, variant by variant."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from tasks.core.records import Marking, Record, Sha256, Target, Variant
from tasks.evidence.calibration import CalibrationEvidence, LabelFree
from tasks.evidence.champion import ChampionEvidence, FirstLaunch
from tasks.evidence.common import Unmeasured
from tasks.evidence.cost import CostEvidence
from tasks.evidence.data import DriftEvidence, SampleEvidence, ValidationEvidence
from tasks.evidence.environment import DependencyEvidence, Environment
from tasks.evidence.latency import ChampionLatency, ColdStartEvidence, LatencyEvidence
from tasks.evidence.load import LoadEvidence
from tasks.evidence.memory import MemoryEvidence
from tasks.evidence.review import ReviewEvidence
from tasks.evidence.robustness import RobustnessEvidence
from tasks.evidence.scores import EvaluationEvidence
from tasks.evidence.serving import DeterminismEvidence, ProviderEvidence
from tasks.evidence.variants import ExportEvidence


class VariantMade(Record):
    """How a variant was made, and whether it answers the same inputs the same way again.

    `asked` is false of an fp32 that is only there to hold the others against.
    """

    name: str
    asked: bool = True
    variant: Variant | Unmeasured
    determinism: DeterminismEvidence | Unmeasured


class VariantAnswers(Record):
    """What a variant answers to production and to the evaluation set, where it ran, and how sure it was."""

    provider: ProviderEvidence | Unmeasured
    evaluation: EvaluationEvidence | Unmeasured
    calibration: CalibrationEvidence | Unmeasured
    label_free: LabelFree | Unmeasured

    @classmethod
    def lacking(cls, why: Unmeasured) -> Self:
        """Return the answers of a variant that was not asked."""
        return cls(**dict.fromkeys(cls.model_fields, why))


class VariantCosts(Record):
    """What a variant's answers take: time alone and under load, a start, memory; and what it makes of perturbed rows."""

    latency: LatencyEvidence | Unmeasured
    load: LoadEvidence | Unmeasured = Unmeasured(stage="load", why="not asked for")
    champion_latency: ChampionLatency | FirstLaunch | Unmeasured = Unmeasured(
        stage="champion latency", why="not asked for"
    )
    cold_start: ColdStartEvidence | Unmeasured = Unmeasured(stage="cold start", why="not asked for")
    robustness: RobustnessEvidence | Unmeasured
    memory: MemoryEvidence | Unmeasured

    @model_validator(mode="before")
    @classmethod
    def _of_older_evidence(cls, values: Any) -> Any:
        """Read records of a search for capacity beside the load: its objective is what the load is held to."""
        if not isinstance(values, dict) or "capacity" not in values:
            return values
        searched, load = values["capacity"], values.get("load")
        if isinstance(searched, dict) and "objective" in searched and isinstance(load, dict) and "runs" in load:
            values = values | {"load": {"objectives": [searched["objective"]]} | load}
        return {name: value for name, value in values.items() if name != "capacity"}

    @classmethod
    def lacking(cls, why: Unmeasured) -> Self:
        """Return the costs of a variant of which they were not measured."""
        return cls(**dict.fromkeys(cls.model_fields, why))


class VariantEvidence(VariantMade, VariantAnswers, VariantCosts):
    """All that was measured of one variant, and what it costs at the forecast traffic."""

    cost: CostEvidence | Unmeasured

    @classmethod
    def of(cls, made: VariantMade, answers: VariantAnswers | Unmeasured, costs: VariantCosts | Unmeasured) -> Self:
        """Return what the stages measured as one record, not priced yet; a reason stands for all that a stage did not measure."""
        answers = VariantAnswers.lacking(answers) if isinstance(answers, Unmeasured) else answers
        cost = costs if isinstance(costs, Unmeasured) else Unmeasured(stage="cost", why="not priced yet")
        costs = VariantCosts.lacking(costs) if isinstance(costs, Unmeasured) else costs
        return cls(**dict(made), **dict(answers), **dict(costs), cost=cost)


class DataEvidence(Record):
    """What was launched, where, and what its production log and its evaluation set show."""

    schema_version: Literal[1] = 1
    candidate: str
    candidate_folder: str
    candidate_sha256: Sha256
    task: str
    marking: Marking = Marking()
    target: Target
    environment: Environment
    sample: SampleEvidence | Unmeasured
    production_quality: ValidationEvidence | Unmeasured
    evaluation_quality: ValidationEvidence | Unmeasured
    drift: DriftEvidence | Unmeasured


class Evidence(DataEvidence):
    """All that a launch measured; `launchgate judge` decides again from this alone."""

    dependencies: DependencyEvidence | Unmeasured
    export: ExportEvidence | Unmeasured
    review: ReviewEvidence | Unmeasured
    champion: ChampionEvidence | FirstLaunch | Unmeasured = Unmeasured(stage="champion", why="not asked for")
    variants: tuple[VariantEvidence, ...]

    @classmethod
    def so_far(cls, data: DataEvidence, export: ExportEvidence | Unmeasured | None = None) -> Self:
        """Return what is known before any variant has answered, for the gates that can tell already."""
        later = Unmeasured(stage="variants", why="not measured yet")
        return cls(**dict(data), export=export or later, dependencies=later, review=later, variants=())
