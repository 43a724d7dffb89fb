"""All that a launch measured, variant by variant."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Marking, Record, Sha256, Target, Variant
from tasks.evidence.calibration import CalibrationEvidence, LabelFree
from tasks.evidence.capacity import CapacityEvidence
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


class VariantEvidence(Record):
    """All that was measured of one variant; `asked` is false of an fp32 that is only there to hold the others against."""

    name: str
    asked: bool = True
    variant: Variant | Unmeasured
    provider: ProviderEvidence | Unmeasured
    evaluation: EvaluationEvidence | Unmeasured
    calibration: CalibrationEvidence | Unmeasured
    label_free: LabelFree | Unmeasured
    latency: LatencyEvidence | Unmeasured
    load: LoadEvidence | Unmeasured = Unmeasured(stage="load", why="not asked for")
    capacity: CapacityEvidence | Unmeasured = Unmeasured(stage="capacity", why="not asked for")
    champion_latency: ChampionLatency | FirstLaunch | Unmeasured = Unmeasured(
        stage="champion latency", why="not asked for"
    )
    cold_start: ColdStartEvidence | Unmeasured = Unmeasured(stage="cold start", why="not asked for")
    determinism: DeterminismEvidence | Unmeasured
    robustness: RobustnessEvidence | Unmeasured
    memory: MemoryEvidence | Unmeasured
    cost: CostEvidence | Unmeasured


class Evidence(Record):
    """All that a launch measured; `launchgate judge` decides again from this alone."""

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
    dependencies: DependencyEvidence | Unmeasured
    export: ExportEvidence | Unmeasured
    review: ReviewEvidence | Unmeasured
    champion: ChampionEvidence | FirstLaunch | Unmeasured = Unmeasured(stage="champion", why="not asked for")
    variants: tuple[VariantEvidence, ...]
