"""Every gate, one a file: `Limits` says what a policy can set, `judge` decides from evidence and limits alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from tasks.core.verdicts import GateLimits, GateResult, Scope, Stage

GATE_MODULES = (
    "pinned_dependencies",
    "sample_size",
    "data_quality",
    "drift",
    "export_parity",
    "execution_provider",
    "error_rate",
    "batch_invariance",
    "repeatability",
    "quantization_loss",
    "production_accuracy",
    "production_gap",
    "slice_accuracy",
    "coverage",
    "calibration",
    "silent_failures",
    "review_sample",
    "robustness",
    "champion_regression",
    "latency_slo",
    "capacity",
    "batch_profile",
    "cold_start",
    "memory_per_request",
    "memory_leak",
    "unit_cost",
)


class Gate(Protocol):
    """What each gate module offers.

    `judge` of a `launch` gate reads `Evidence`; that of a `variant` gate reads one `VariantEvidence`. `STOPS_AFTER` names
    the stages after which the gate's evidence is there: from then on, its failure may stop the launch or the variant.
    """

    NAME: str
    CHECKLIST: str
    SCOPE: Scope
    STOPS_AFTER: tuple[Stage, ...]
    NEEDS: str
    DECIDES: str
    Limits: type[GateLimits]

    def judge(self, evidence: Any, limits: Any) -> GateResult:
        """Return the verdict; reads its arguments and nothing else."""
        ...


GATES: dict[str, Gate] = {
    gate.NAME: gate for gate in (cast("Gate", import_module(f"{__name__}.{module}")) for module in GATE_MODULES)
}
