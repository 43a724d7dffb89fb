"""The vocabulary of evidence: one frozen record a kind of measurement, with units in the names. Imports nothing heavy.

Durations are seconds and sizes are bytes unless a name says otherwise. Every count is a count of rows (requests) unless
a name says otherwise. Whatever could not be measured is an `Unmeasured` with its reason, never a zero.
"""

from tasks.evidence.basis import Environment, Raw, Unmeasured
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
from tasks.evidence.data import (
    DriftColumn,
    DriftEvidence,
    ExpectationResult,
    Moved,
    SampleEvidence,
    Stratum,
    ValidationEvidence,
)
from tasks.evidence.launch import Evidence, VariantEvidence
from tasks.evidence.review import ReviewEvidence, ReviewKind
from tasks.evidence.robustness import Perturbed, RobustnessEvidence
from tasks.evidence.scores import (
    AnswerShapes,
    EvaluationEvidence,
    FirstLaunch,
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
from tasks.evidence.serving import (
    BatchPeak,
    BatchTimes,
    CostEvidence,
    DependencyEvidence,
    DeterminismEvidence,
    Difference,
    ExportEvidence,
    LatencyEvidence,
    MemoryEvidence,
    ProviderEvidence,
)
from tasks.evidence.watch import AnswerEvidence, FeedbackEvidence, StatusEvidence, WatchEvidence

__all__ = [
    "Abstention",
    "AnswerEvidence",
    "AnswerShapes",
    "BatchPeak",
    "BatchTimes",
    "Bin",
    "CalibrationEvidence",
    "ConfidentErrors",
    "ConfidentSlice",
    "CostEvidence",
    "DependencyEvidence",
    "DeterminismEvidence",
    "Difference",
    "DriftColumn",
    "DriftEvidence",
    "Environment",
    "EvaluationEvidence",
    "Evidence",
    "ExpectationResult",
    "ExportEvidence",
    "FeedbackEvidence",
    "FirstLaunch",
    "Fit",
    "LabelCoverage",
    "LabelFree",
    "LabelShift",
    "LatencyEvidence",
    "MeanError",
    "MemoryEvidence",
    "Moved",
    "Paired",
    "PairedSlice",
    "PairedTally",
    "Perturbed",
    "ProviderEvidence",
    "Raw",
    "Reliability",
    "ReviewEvidence",
    "ReviewKind",
    "RobustnessEvidence",
    "SampleEvidence",
    "Scores",
    "Share",
    "Slice",
    "StatusEvidence",
    "Stratum",
    "Tally",
    "Unmeasured",
    "ValidationEvidence",
    "VariantEvidence",
    "WatchEvidence",
    "WeakSlice",
]
