"""Evidence of speed, memory and cost in which everything is well, built in small parts that a test can change."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from support.raw_samples import RAW

from tasks.evidence import (
    BatchPeak,
    BatchTimes,
    ChampionLatency,
    ColdStart,
    ColdStartEvidence,
    CostEvidence,
    LatencyEvidence,
    Lateness,
    Loaded,
    LoadEvidence,
    LoadRun,
    MemoryEvidence,
    Noise,
    Objective,
    PoissonArrivals,
    Replica,
    TurnTimes,
)

OBJECTIVES = tuple(
    Objective(quantile=q, limit_seconds=limit) for q, limit in ((0.5, 0.05), (0.9, 0.07), (0.95, 0.08), (0.99, 0.1))
)


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
    """Return one run on one replica, Poisson; by default 6,300 requests of about 5 ms that hardly ever wait."""
    count = len(responses_ms) or 6300
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
        "arrivals": run.arrivals, "objectives": OBJECTIVES, "sustained_per_second": 150,
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
