"""Evidence of a launch in which everything is well, built in small parts that a test can change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from tasks.evidence import (
    BatchPeak,
    BatchTimes,
    CostEvidence,
    DependencyEvidence,
    DeterminismEvidence,
    Difference,
    Environment,
    EvaluationEvidence,
    Evidence,
    ExpectationResult,
    ExportEvidence,
    FirstLaunch,
    LabelCoverage,
    LatencyEvidence,
    MemoryEvidence,
    Paired,
    PairedSlice,
    PairedTally,
    ProviderEvidence,
    Raw,
    SampleEvidence,
    Scores,
    Share,
    Slice,
    Tally,
    Unmeasured,
    ValidationEvidence,
    VariantEvidence,
)
from tasks.records import Variant

SHA = "0" * 64
RAW = Raw(path="raw.parquet", sha256=SHA, rows=1)
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
        "dependencies": dependencies(),
        "export": export(difference("batch 1"), difference("batch 32"), difference("longest inputs", rows=8)),
        "variants": (variant(),),
    }
    return Evidence(**(parts | changes))


def sample(**changes: Any) -> SampleEvidence:
    """Return a sample of 4,000 requests, 3,000 of them labelled."""
    parts: dict[str, Any] = {
        "source": "log",
        "window_start": datetime(2026, 1, 1, tzinfo=UTC),
        "window_end": datetime(2026, 1, 29, tzinfo=UTC),
        "seed": 1,
        "asked_rows": 4000,
        "rows": 4000,
        "log_rows": 5000,
        "log_requests": 5000.0,
        "strata": (),
        "log_files": 28,
        "malformed_rows": 3,
        "malformed_examples": ("day 3, line 7: half a line",),
        "outside_window_rows": 0,
        "duplicated_rows": 0,
        "labelled_rows": 3000,
        "by_status": {"ok": 4000},
        "missing_columns": {},
        "raw": RAW,
    }
    return SampleEvidence(**(parts | changes))


def expectation(
    severity: Literal["critical", "warning", "info"] = "critical",
    because: str = "text is there",
    *,
    success: bool = True,
) -> ExpectationResult:
    """Return one expectation's result."""
    return ExpectationResult(
        expectation="expect_x", column="text", severity=severity, success=success, unexpected_rows=0, checked_rows=9,
        because=because,
    )  # fmt: skip


def quality(
    dataset: Literal["production", "evaluation"], *results: ExpectationResult, **changes: Any
) -> ValidationEvidence:
    """Return a suite's results; by default one critical expectation that held."""
    shown = results or (expectation(),)
    parts = {"dataset": dataset, "rows": 4000, "evaluated_expectations": len(shown), "results": shown, "page": "p.html"}
    return ValidationEvidence(**(parts | changes))


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


def tally(labelled: int, correct: int, rows: int | None = None) -> Tally:
    """Return counts in which every row has a label unless `rows` says otherwise."""
    return Tally.counted(
        rows=labelled if rows is None else rows, labelled=labelled, correct=correct, abstained=0, errors=0
    )


def scores(dataset: Literal["evaluation", "production"], overall: Tally, *slices: Slice, **changes: Any) -> Scores:
    """Return a data set's scores, without errors and with labels that don't depend on confidence."""
    parts: dict[str, Any] = {
        "label_coverage": coverage((2000, 1500), (2000, 1500)),
        "exceptions": 0,
        "non_finite": 0,
        "malformed": 0,
        "error_examples": (),
        "seconds": 1,
        "raw": RAW,
    } | changes
    wrong = parts["exceptions"] + parts["non_finite"] + parts["malformed"]
    failed = Share(events=wrong, trials=overall.rows)
    overall = overall.model_copy(update={"errors": wrong, "failed": failed})
    return Scores(dataset=dataset, overall=overall, slices=slices, **parts)


def coverage(low: tuple[int, int], high: tuple[int, int]) -> tuple[LabelCoverage, ...]:
    """Return (rows, labelled) of the less and the more confident half."""
    return (
        LabelCoverage(group="low confidence", rows=low[0], labelled=low[1]),
        LabelCoverage(group="high confidence", rows=high[0], labelled=high[1]),
    )


def paired(candidate_only: int, baseline_only: int, labelled: int = 3000, *slices: PairedSlice) -> Paired:
    """Return a paired comparison against some baseline."""
    overall = paired_tally(candidate_only, baseline_only, labelled)
    return Paired(baseline="baseline", overall=overall, slices=slices)


def paired_tally(candidate_only: int, baseline_only: int, labelled: int, rows: int = 4000) -> PairedTally:
    """Return paired counts, every discordant row a flip."""
    return PairedTally.counted(
        rows=rows,
        flips=candidate_only + baseline_only,
        labelled=labelled,
        candidate_only=candidate_only,
        baseline_only=baseline_only,
    )


def paired_slice(value: str, candidate_only: int, baseline_only: int, labelled: int, rows: int = 4000) -> PairedSlice:
    """Return a paired comparison where source equals `value`."""
    return PairedSlice(column="source", value=value, tally=paired_tally(candidate_only, baseline_only, labelled, rows))


def evaluation(**changes: Any) -> EvaluationEvidence:
    """Return an evaluation with 80% right on both sets, as good as fp32, of a model launched for the first time."""
    parts: dict[str, Any] = {
        "evaluation": scores("evaluation", tally(1500, 1200)),
        "production": scores("production", tally(3000, 2400, rows=4000)),
        "against_reference": paired(10, 10),
        "against_champion": FirstLaunch(model="toy"),
    }
    return EvaluationEvidence(**(parts | changes))


def seconds(median_ms: float, calls: int, seed: int = 0) -> tuple[float, ...]:
    """Return call times with a little noise around a median."""
    noise = np.random.default_rng(seed).normal(1, 0.02, calls)
    return tuple(float(value) for value in noise * median_ms / 1000)


def latency(*batches: BatchTimes) -> LatencyEvidence:
    """Return latency; by default 3,500 calls at batch 1, and batches in which an item takes ever less time."""
    default = (
        BatchTimes(batch=1, seconds=seconds(5, 3500)),
        BatchTimes(batch=32, seconds=seconds(64, 40)),
        BatchTimes(batch=128, seconds=seconds(128, 40)),
    )
    return LatencyEvidence(
        target="cpu", threads=1, load_seconds=1, first_call_seconds=1, warmup_calls=10, batches=batches or default, raw=RAW
    )  # fmt: skip


def memory(**changes: Any) -> MemoryEvidence:
    """Return a process of 300 MB that takes half an MB a request and keeps nothing."""
    parts: dict[str, Any] = {
        "loaded_bytes": 290_000_000,
        "warm_bytes": 300_000_000,
        "peaks": (BatchPeak(batch=1, peak_bytes=300_500_000), BatchPeak(batch=128, peak_bytes=364_000_000)),
        "soak_rss": soak(300_000_000, 2),
        "soak_python": soak(5_000_000, 0.5),
    }
    return MemoryEvidence(**(parts | changes))


def soak(start: int, bytes_per_call: float, points: int = 25, settling: int = 0) -> tuple[tuple[int, int], ...]:
    """Return (calls, bytes) that grow evenly, after `settling` bytes taken over the first three points."""
    return tuple(
        (index * 40, int(start + settling * min(index, 3) + bytes_per_call * index * 40)) for index in range(points)
    )


def cost(**changes: Any) -> CostEvidence:
    """Return a cost of 225 dollars a month, known to within one replica."""
    parts: dict[str, Any] = {
        "machine": "c7a.large",
        "machine_hour_usd": 0.1,
        "machine_source": "a price list",
        "measured_on": "here",
        "service_ms": 5.4,
        "service_ms_low": 5.3,
        "service_ms_high": 5.5,
        "serving_batch": 1,
        "peak_per_second": 120,
        "utilisation": 0.6,
        "replicas": 3,
        "replicas_high": 4,
        "usd_per_thousand": 0.002,
        "usd_per_thousand_high": 0.003,
        "usd_per_month": 225,
        "usd_per_month_high": 300,
    }
    return CostEvidence(**(parts | changes))


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
        "latency": latency(),
        "determinism": determinism(),
        "memory": memory(),
        "cost": cost(),
    }
    return VariantEvidence(name=name, **(parts | changes))
