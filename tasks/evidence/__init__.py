"""The vocabulary of evidence: one frozen record a kind of measurement, with units in the names. Imports nothing heavy.

Durations are seconds and sizes are bytes unless a name says otherwise. Every count is a count of rows (requests) unless
a name says otherwise. Whatever could not be measured is an `Unmeasured` with its reason, never a zero.
"""

from tasks.evidence.calibration import (
    Abstention,
    Bin,
    CalibrationEvidence,
    ConfidentErrors,
    ConfidentSlice,
    Fit,
    LabelFree,
    Reliability,
)
from tasks.evidence.capacity import CapacityEvidence, Configuration, Objective, Probed
from tasks.evidence.champion import ChampionEvidence, FirstLaunch
from tasks.evidence.common import Raw, Unmeasured
from tasks.evidence.cost import CostEvidence
from tasks.evidence.data import (
    DriftColumn,
    DriftEvidence,
    ExpectationResult,
    Moved,
    SampleEvidence,
    Stratum,
    ValidationEvidence,
)
from tasks.evidence.environment import DependencyEvidence, Environment
from tasks.evidence.gpu import Device, DeviceUse
from tasks.evidence.latency import (
    BatchTimes,
    ChampionLatency,
    ColdStart,
    ColdStartEvidence,
    LatencyEvidence,
    Noise,
    PartTimes,
    StepTimes,
    TurnTimes,
)
from tasks.evidence.launch import Evidence, VariantEvidence
from tasks.evidence.load import (
    Arrivals,
    Calls,
    Endpoint,
    EndpointEvidence,
    Engine,
    GammaArrivals,
    Lateness,
    Loaded,
    LoadEvidence,
    LoadRun,
    Offered,
    PoissonArrivals,
    ReplayArrivals,
    Replica,
)
from tasks.evidence.memory import BatchPeak, MemoryEvidence
from tasks.evidence.production import AnswerEvidence, FeedbackEvidence, StatusEvidence, WatchEvidence
from tasks.evidence.review import ReviewEvidence, ReviewKind
from tasks.evidence.robustness import Perturbed, RobustnessEvidence
from tasks.evidence.scores import (
    AnswerShapes,
    EvaluationEvidence,
    LabelCoverage,
    LabelShift,
    MeanError,
    Paired,
    PairedSlice,
    PairedTally,
    Scores,
    Share,
    Slice,
    Tally,
    WeakSlice,
)
from tasks.evidence.serving import DeterminismEvidence, Difference, ProviderEvidence
from tasks.evidence.variants import ExportEvidence

__all__ = [
    "Abstention",
    "AnswerEvidence",
    "AnswerShapes",
    "Arrivals",
    "BatchPeak",
    "BatchTimes",
    "Bin",
    "CalibrationEvidence",
    "Calls",
    "CapacityEvidence",
    "ChampionEvidence",
    "ChampionLatency",
    "ColdStart",
    "ColdStartEvidence",
    "ConfidentErrors",
    "ConfidentSlice",
    "Configuration",
    "CostEvidence",
    "DependencyEvidence",
    "DeterminismEvidence",
    "Device",
    "DeviceUse",
    "Difference",
    "DriftColumn",
    "DriftEvidence",
    "Endpoint",
    "EndpointEvidence",
    "Engine",
    "Environment",
    "EvaluationEvidence",
    "Evidence",
    "ExpectationResult",
    "ExportEvidence",
    "FeedbackEvidence",
    "FirstLaunch",
    "Fit",
    "GammaArrivals",
    "LabelCoverage",
    "LabelFree",
    "LabelShift",
    "LatencyEvidence",
    "Lateness",
    "LoadEvidence",
    "LoadRun",
    "Loaded",
    "MeanError",
    "MemoryEvidence",
    "Moved",
    "Noise",
    "Objective",
    "Offered",
    "Paired",
    "PairedSlice",
    "PairedTally",
    "PartTimes",
    "Perturbed",
    "PoissonArrivals",
    "Probed",
    "ProviderEvidence",
    "Raw",
    "Reliability",
    "ReplayArrivals",
    "Replica",
    "ReviewEvidence",
    "ReviewKind",
    "RobustnessEvidence",
    "SampleEvidence",
    "Scores",
    "Share",
    "Slice",
    "StatusEvidence",
    "StepTimes",
    "Stratum",
    "Tally",
    "TurnTimes",
    "Unmeasured",
    "ValidationEvidence",
    "VariantEvidence",
    "WatchEvidence",
    "WeakSlice",
]
