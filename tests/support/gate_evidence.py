"""Evidence of a launch in which everything is well, built in small parts that a test can change."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import numpy as np

from tasks.core.records import Variant
from tasks.evidence import (
    Abstention,
    BatchPeak,
    BatchTimes,
    Bin,
    CalibrationEvidence,
    CapacityEvidence,
    ChampionLatency,
    ColdStart,
    ColdStartEvidence,
    ConfidentErrors,
    ConfidentSlice,
    Configuration,
    CostEvidence,
    DependencyEvidence,
    DeterminismEvidence,
    Difference,
    DriftColumn,
    DriftEvidence,
    Environment,
    EvaluationEvidence,
    Evidence,
    ExpectationResult,
    ExportEvidence,
    FirstLaunch,
    Fit,
    LabelCoverage,
    LabelShift,
    LatencyEvidence,
    Lateness,
    Loaded,
    LoadEvidence,
    LoadRun,
    MemoryEvidence,
    Moved,
    Noise,
    Objective,
    Paired,
    PairedSlice,
    PairedTally,
    Perturbed,
    PoissonArrivals,
    Probed,
    ProviderEvidence,
    Raw,
    Reliability,
    Replica,
    ReviewEvidence,
    ReviewKind,
    RobustnessEvidence,
    SampleEvidence,
    Scores,
    Share,
    Slice,
    Tally,
    TurnTimes,
    Unmeasured,
    ValidationEvidence,
    VariantEvidence,
)

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
        "drift": drift(shift("length of text", 0.03), shift("label", 0.02, kind="categories", excess=0.01)),
        "dependencies": dependencies(),
        "export": export(difference("batch 1"), difference("batch 32"), difference("longest inputs", rows=8)),
        "review": review(),
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


def review(**changes: Any) -> ReviewEvidence:
    """Return 70 requests to read, of 4,000: of every kind, and of two slices."""
    parts: dict[str, Any] = {
        "sample_rows": 4000,
        "rows": 70,
        "readable_rows": 70,
        "masked": True,
        "kinds": (
            ReviewKind(kind="random", of="", eligible=4000, picked=24),
            ReviewKind(kind="low confidence", of="fp32", eligible=400, picked=12),
            ReviewKind(kind="confident error", of="fp32", eligible=90, picked=12),
            ReviewKind(kind="slice", of="source=shop", eligible=3000, picked=8),
            ReviewKind(kind="slice", of="source=app", eligible=1000, picked=8),
        ),
        "raw": RAW,
    }
    return ReviewEvidence(**(parts | changes))


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


def drift(*columns: DriftColumn) -> DriftEvidence:
    """Return how far production has moved in these columns."""
    return DriftEvidence(columns=columns)


def shift(column: str, distance: float, **changes: Any) -> DriftColumn:
    """Return how far one column has moved: numbers, from 1,500 rows to 4,000 unless changed."""
    parts: dict[str, Any] = {
        "kind": "numbers",
        "excess": 0,
        "evaluation_rows": 1500,
        "production_rows": 4000,
        "production_effective_rows": 4000,
        "moved": (Moved(value="at most 50", evaluation_share=0.5 + distance / 2, production_share=0.5 - distance / 2),),
    }
    return DriftColumn(column=column, distance=distance, **(parts | changes))


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
        "labels": (),
        "traits": (),
        "label_coverage": coverage((2000, 1500), (2000, 1500)),
        "label_shift": LabelShift(labelled=3000, cells=15, accuracy=0.8, reweighted=0.801, deviation=0.002),
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


def reliability(gap: float, rows: int = 3000, bins: int = 15) -> Reliability:
    """Return confidences from 0.6 to 0.97 of which `gap` too few answers are right."""
    each = rows // bins
    confidences = [float(value) for value in np.linspace(0.6, 0.97, bins)]
    parts = tuple(
        Bin(rows=each, mass=1 / bins, confidence=at, right=Share(events=each * max(at - gap, 0), trials=each))
        for at in confidences
    )
    return Reliability(rows=rows, brier=0.15, bins=parts)


def confident(errors: int, rows: int, *slices: tuple[str, int, int], threshold: float = 0.9) -> ConfidentErrors:
    """Return confident errors of all labelled requests, and of (value, errors, rows) of slices."""
    parts = tuple(
        ConfidentSlice(column="source", value=value, rows=trials, errors=Share(events=events, trials=trials))
        for value, events, trials in slices
    )
    return ConfidentErrors(threshold=threshold, rows=rows, errors=Share(events=errors, trials=rows), slices=parts)


def calibration(**changes: Any) -> CalibrationEvidence:
    """Return a confidence that is a point too high, which a temperature mends, and two confident errors in a hundred."""
    kept = Abstention(
        threshold=0.7,
        wrong_calibration=Share(events=60, trials=900),
        kept=Share(events=2600, trials=3000),
        wrong=Share(events=240, trials=2600),
    )
    parts: dict[str, Any] = {
        "served": reliability(0.01),
        "temperature": Fit(rows=1000, temperature=1.2, production=reliability(0.0)),
        "isotonic": Fit(rows=1000, temperature=None, production=reliability(0.01)),
        "abstention": (kept,),
        "risk_coverage": ((0.5, 0.05), (1.0, 0.2)),
        "risk_area": 0.1,
        "confident_errors": (confident(150, 3000, threshold=0.8), confident(60, 3000, ("app", 12, 400))),
        "raw": RAW,
    }
    return CalibrationEvidence(**(parts | changes))


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


def load(*responses_ms: float | None, rate: float = 120, **changes: Any) -> LoadEvidence:
    """Return one run on one replica, Poisson; by default 3,000 requests of about 5 ms that hardly ever wait."""
    count = len(responses_ms) or 3000
    due = np.cumsum(np.random.default_rng(3).exponential(1 / rate, count))
    took = responses_ms or tuple(1000 * one for one in seconds(5, count, seed=4))
    lost = sum(one is None for one in took)
    run = LoadRun(
        engine="launchgate", engine_version="1", arrivals=PoissonArrivals(), rate=rate, seconds=float(due[-1]), seed=3,
        replica=Replica(largest_batch=1), requests=count, answered=count - lost, failed=lost, unfinished=0,
        lateness=Lateness(p50_seconds=0, p99_seconds=0, max_seconds=0), answered_per_second=rate, utilisation=0.5,
        mean_batch=1, raw=RAW,
    )  # fmt: skip
    asked = tuple(None if one is None else one / 1000 for one in took)
    parts: dict[str, Any] = {
        "target": "cpu", "peak_per_second": rate, "carrying": 1, "share_per_second": rate, "replica": run.replica,
        "arrivals": run.arrivals,
        "runs": (Loaded(run=run, scheduled_seconds=tuple(due.tolist()), response_seconds=asked),),
    }  # fmt: skip
    return LoadEvidence(**(parts | changes))


@cache
def usual_load() -> LoadEvidence:
    """Return the run of `load` without arguments, made once."""
    return load()


def noise(**changes: Any) -> Noise:
    """Return a quiet machine of two cores."""
    parts: dict[str, Any] = {
        "seconds": 10, "machine_cores": 2, "affinity": (0, 1), "other_load": 0.01, "control_calls": 400,
        "control_median_ms": 1.0, "control_p99_ms": 1.1,
    }  # fmt: skip
    return Noise(**(parts | changes))


def start(*, warmed: bool = False, **changes: Any) -> ColdStart:
    """Return a process that answers after a second and a half, and is then steady."""
    parts: dict[str, Any] = {
        "warmed": warmed, "interpreter_seconds": 0.1, "imports_seconds": 1.0, "load_seconds": 0.38,
        "first_answer_seconds": 0.02, "calls_ms": (5.0,) * 60, "settled_after": None if warmed else 2,
    }  # fmt: skip
    return ColdStart(**(parts | changes))


def cold_start(*starts: ColdStart) -> ColdStartEvidence:
    """Return fresh processes; by default five, two of them warmed up."""
    shown = starts or (start(), start(), start(), start(warmed=True), start(warmed=True))
    return ColdStartEvidence(target="cpu", threads=1, starts=shown, warmup_calls=5, warmup=RAW)


def turns(ratio: float, blocks: int = 100, batch: int = 1, **changes: Any) -> ChampionLatency:
    """Return blocks in which a call takes `ratio` times the champion's, on a machine that slows down all along."""
    live = np.random.default_rng(0).normal(5, 0.1, (blocks, 2)) * np.linspace(1, 3, blocks)[:, None] / 1000
    taken = tuple((ratio * first, first, second, ratio * second) for first, second in live.tolist())
    return ChampionLatency(batches=(TurnTimes(batch=batch, blocks=taken),), noise=noise(**changes), raw=RAW)


def memory(**changes: Any) -> MemoryEvidence:
    """Return a process of 300 MB that takes half an MB a request and keeps nothing."""
    parts: dict[str, Any] = {
        "loaded_bytes": 290_000_000,
        "warm_bytes": 300_000_000,
        "peaks": (BatchPeak(batch=1, peak_bytes=300_500_000), BatchPeak(batch=128, peak_bytes=364_000_000)),
        "soak_rss": soak(300_000_000, 2),
        "soak_python": soak(5_000_000, 0.5),
        "soak_native": soak(60_000_000, 10),
    }
    return MemoryEvidence(**(parts | changes))


def soak(start: int, bytes_per_request: float, points: int = 25, settling: int = 0) -> tuple[tuple[int, int], ...]:
    """Return (requests, bytes) that grow evenly, after `settling` bytes taken over the first three points."""
    return tuple(
        (index * 40, int(start + settling * min(index, 3) + bytes_per_request * index * 40)) for index in range(points)
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
        "spare_replicas": 1,
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


def perturbed(kind: str, rows: int = 200, flips: int | None = None, **changes: Any) -> Perturbed:
    """Return rows that were perturbed in one way, all of them answered; with `flips` it was a harmless change."""
    tally = None if flips is None else paired_tally(0, flips, rows, rows)
    parts = {"kind": kind, "column": None, "rows": rows, "traffic": True, "against_original": tally}
    return Perturbed(**(parts | changes))


def robustness(*kinds: Perturbed, **changes: Any) -> RobustnessEvidence:
    """Return perturbed rows; by default two harmless kinds, of which one in fifty turned an answer, and an empty text."""
    shown = kinds or (
        perturbed("typo in a word", flips=4),
        perturbed("other case", flips=0),
        perturbed("empty", 32, column="text", mean_confidence=0.6),
    )
    parts: dict[str, Any] = {"rows": 200, "not_reached": (), "columns_left_out": 0, "seconds": 2, "raw": RAW}
    return RobustnessEvidence(**({"kinds": shown} | parts | changes))


def capacity(**changes: Any) -> CapacityEvidence:
    """Return a replica that was seen to sustain a whole peak of 120 requests a second, and a quarter more."""
    single = Configuration(batch_cap=1, longest_wait_seconds=0, threads=1, instances=1)
    run = Probed(
        purpose="verify", configuration=single, rate_per_second=150, seed=1, seconds=3, requests=450, failed=0,
        over_limit=4, quantile_seconds=0.09, implied_per_second=152,
    )  # fmt: skip
    parts: dict[str, Any] = {
        "objective": Objective(quantile=0.99, limit_seconds=0.1), "peak_per_second": 120, "configuration": single,
        "predicted_per_second": 160, "verified_per_second": 150, "estimated_per_second": 151, "low_per_second": 143,
        "high_per_second": 158, "confidence": 0.95, "load_seconds": 24, "probed": (run,) * 8,
    }  # fmt: skip
    return CapacityEvidence(**(parts | changes))


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
        "capacity": capacity(),
        "champion_latency": FirstLaunch(model="toy"),
        "cold_start": cold_start(),
        "determinism": determinism(),
        "robustness": robustness(),
        "memory": memory(),
        "cost": cost(),
    }
    return VariantEvidence(name=name, **(parts | changes))
