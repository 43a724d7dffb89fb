"""The vocabulary of evidence: one frozen record a kind of measurement, with units in the names. Imports nothing heavy.

Durations are seconds and sizes are bytes unless a name says otherwise. Every count is a count of rows (requests) unless
a name says otherwise. Whatever could not be measured is an `Unmeasured` with its reason, never a zero.
"""

from tasks.evidence.basis import Environment, Raw, Unmeasured
from tasks.evidence.data import ExpectationResult, SampleEvidence, Stratum, ValidationEvidence
from tasks.evidence.launch import Evidence, VariantEvidence
from tasks.evidence.scores import (
    EvaluationEvidence,
    FirstLaunch,
    LabelCoverage,
    Paired,
    PairedSlice,
    PairedTally,
    Scores,
    Share,
    Slice,
    Tally,
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

__all__ = [
    "BatchPeak",
    "BatchTimes",
    "CostEvidence",
    "DependencyEvidence",
    "DeterminismEvidence",
    "Difference",
    "Environment",
    "EvaluationEvidence",
    "Evidence",
    "ExpectationResult",
    "ExportEvidence",
    "FirstLaunch",
    "LabelCoverage",
    "LatencyEvidence",
    "MemoryEvidence",
    "Paired",
    "PairedSlice",
    "PairedTally",
    "ProviderEvidence",
    "Raw",
    "SampleEvidence",
    "Scores",
    "Share",
    "Slice",
    "Stratum",
    "Tally",
    "Unmeasured",
    "ValidationEvidence",
    "VariantEvidence",
]
