"""Limits that a sensible policy might set, and verdicts under them; a test changes the one it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.gates import GATES

if TYPE_CHECKING:
    from tasks.core.verdicts import Check, GateLimits, GateResult
    from tasks.evidence import Evidence, VariantEvidence

LIMITS: dict[str, dict[str, float]] = {
    "pinned-dependencies": {},
    "sample-size": {"min_requests": 1000, "min_labelled": 600, "max_label_bias": 0.02, "max_label_share_difference": 0.1},
    "data-quality": {
        "max_malformed_rate": 0.01, "max_faulty_rate": 0.01, "max_slice_missing_rate": 0.2, "max_repeated_rate": 0.2,
    },
    "drift": {"max_distance": 0.2},
    "export-parity": {"max_flip_rate": 0.01, "max_relative_difference": 0.01},
    "execution-provider": {"max_other_node_share": 0.1, "max_other_time_share": 0.05},
    "error-rate": {"max_error_rate": 0.001, "max_non_finite": 0},
    "batch-invariance": {"max_flip_rate": 0.01, "max_relative_difference": 0.01},
    "repeatability": {"max_relative_difference": 0.0001},
    "quantization-loss": {"margin": 0.01, "slice_margin": 0.03, "min_slice_rows": 500},
    "production-accuracy": {"min_accuracy": 0.7},
    "production-gap": {"max_gap": 0.08},
    "slice-accuracy": {"min_accuracy": 0.6, "min_slice_rows": 300},
    "coverage": {"min_answered": 0.95, "min_slice_answered": 0.9, "min_slice_rows": 300},
    "calibration": {"max_calibration_error": 0.1, "asked_risk": 0.1},
    "silent-failures": {"min_confidence": 0.9, "max_rate": 0.05, "max_slice_rate": 0.1, "min_slice_rows": 300},
    "robustness": {"max_crash_rate": 0.01, "max_flip_rate": 0.1},
    "review-sample": {"min_rows": 50, "min_share": 0.01, "min_kind_rows": 10, "min_slice_rows": 2},
    "champion-regression": {"margin": 0.01, "max_latency_ratio": 1.25},
    "latency-slo": {
        "p50_ms": 50, "p90_ms": 70, "p95_ms": 80, "p99_ms": 100, "p999_ms": 200, "hard_limit_ms": 200,
    },
    "batch-profile": {"max_per_item_ratio": 1.5, "largest_batch": 128},
    "capacity": {"max_replicas": 3},
    "cold-start": {"max_ready_seconds": 10, "max_first_answer_ms": 500, "max_warm_answer_ms": 100},
    "memory-per-request": {"max_mb_per_request": 4, "max_device_mb_per_request": 4, "max_peak_mb": 1500},
    "memory-leak": {
        "max_python_bytes_per_request": 64, "max_native_bytes_per_request": 100, "max_rss_bytes_per_request": 2000,
    },
    "unit-cost": {"max_usd_per_thousand": 0.01, "max_usd_per_month": 1000},
}  # fmt: skip


def limits(gate: str, **changes: Any) -> GateLimits:
    """Return the gate's limits with some changed."""
    return GATES[gate].Limits(**({"severity": "block"} | LIMITS[gate] | changes))


def judge(gate: str, evidence: Evidence | VariantEvidence, **changes: Any) -> GateResult:
    """Return the gate's verdict under the limits above with some changed."""
    return GATES[gate].judge(evidence, limits(gate, **changes))


def check(result: GateResult, name: str) -> Check:
    """Return the check called `name`."""
    return next(check for check in result.checks if check.name == name)
