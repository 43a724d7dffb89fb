"""Evidence of a launch in which everything is well, built in small parts that a test can change."""

from __future__ import annotations

from typing import Any

from support.data_evidence import drift, quality, review, sample, shift
from support.raw_samples import RAW, SHA
from support.score_evidence import calibration, evaluation, robustness
from support.speed_evidence import cold_start, cost, latency, memory, usual_load

from tasks.core.records import Variant
from tasks.evidence import (
    DependencyEvidence,
    DeterminismEvidence,
    Difference,
    Environment,
    Evidence,
    ExportEvidence,
    FirstLaunch,
    ProviderEvidence,
    Unmeasured,
    VariantEvidence,
)

ABSENT = Unmeasured(stage="some-stage", why="the machine was on fire")
CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


def launch(**changes: Any) -> Evidence:
    """Return a launch's evidence, everything well."""
    parts: dict[str, Any] = {
        "candidate": "toy",
        "candidate_folder": "candidates/toy",
        "candidate_sha256": SHA,
        "task": "classification",
        "target": "cpu",
        "environment": Environment(
            python="3.11", platform="linux", cpu="some", cores=2, memory_bytes=1, gpu=None, packages={}, sha256=SHA
        ),
        "sample": sample(),
        "production_quality": quality("production"),
        "evaluation_quality": quality("evaluation"),
        "drift": drift(shift("length of text", 0.03), shift("label", 0.02, kind="categories", excess=0.01)),
        "dependencies": dependencies(),
        "export": export(difference("batch 1"), difference("batch 32"), difference("longest inputs", rows=8)),
        "review": review(),
        "variants": (variant(),),
    }
    return Evidence(**(parts | changes))


def dependencies(**changes: Any) -> DependencyEvidence:
    """Return dependencies that are all pinned and installed as locked."""
    parts: dict[str, Any] = {
        "lock": "locks/cpu.txt",
        "lock_sha256": SHA,
        "imported": {"numpy": "2.4.6"},
        "not_exact": (),
        "not_locked": (),
        "drifted": (),
    }
    return DependencyEvidence(**(parts | changes))


def difference(case: str, rows: int = 600, **changes: Any) -> Difference:
    """Return a comparison in which nothing differs but by rounding."""
    return Difference(**({"case": case, "rows": rows, "max_abs": 1e-7, "p99_abs": 0, "max_relative": 1e-6} | changes))


def export(*parity: Difference, **changes: Any) -> ExportEvidence:
    """Return the evidence of an export with the given cases."""
    parts: dict[str, Any] = {"exporter": "dynamo", "opset": 20, "dynamic_axes": {}, "training_modules": ()}
    return ExportEvidence(parity=parity, **(parts | changes))


def provider(wanted: str = CPU, session: str = CPU, **changes: Any) -> ProviderEvidence:
    """Return a session on the CPU, all of whose nodes ran there."""
    parts: dict[str, Any] = {
        "asked": "cuda" if wanted == CUDA else "cpu",
        "nodes": {session: 40},
        "node_seconds": {session: 0.5},
    }
    return ProviderEvidence(wanted_provider=wanted, session_provider=session, **(parts | changes))


def determinism(**changes: Any) -> DeterminismEvidence:
    """Return answers that stay the same when asked again and in other batches."""
    parts: dict[str, Any] = {
        "rows": 100,
        "repeats": (difference("repeated at once", rows=100), difference("fresh process", rows=100)),
        "batches": (difference("batch 32"), difference("batch 128")),
        "golden": RAW,
    }
    return DeterminismEvidence(**(parts | changes))


def variant(name: str = "fp32", **changes: Any) -> VariantEvidence:
    """Return a variant's evidence, everything well."""
    parts: dict[str, Any] = {
        "variant": Variant(name=name, sha256=SHA, graphs={}, size_bytes=1),
        "provider": provider(),
        "evaluation": evaluation(),
        "calibration": calibration(),
        "label_free": ABSENT,
        "latency": latency(),
        "load": usual_load(),
        "champion_latency": FirstLaunch(model="toy"),
        "cold_start": cold_start(),
        "determinism": determinism(),
        "robustness": robustness(),
        "memory": memory(),
        "cost": cost(),
    }
    return VariantEvidence(name=name, **(parts | changes))
