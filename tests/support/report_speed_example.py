"""Speed, memory and cost of the launch in report_example."""

from __future__ import annotations

import numpy as np
from support.report_raw import raw

from tasks.evidence import (
    BatchPeak,
    BatchTimes,
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
    PartTimes,
    PoissonArrivals,
    Replica,
)

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
MILLISECONDS = {"fp32": 5.4, "int8-dynamic": 3.1, "int8-static": 3.6}
MB = 1_000_000


def latency(variant: str, seed: int) -> LatencyEvidence:
    """Return log-normal call times with one slow call in about a hundred and fifty."""
    random = np.random.default_rng(seed)
    batches = []
    for batch in BATCHES:
        calls = 3500 if batch == 1 else 40
        median = MILLISECONDS[variant] * (0.35 + 0.65 * batch**0.93) / 1000
        times = median * random.lognormal(0, 0.09, calls)
        times = np.where(random.random(calls) < 1 / 150, times * random.uniform(2, 6, calls), times)
        parts = {"encode": 0.1, "session": 0.7, "decode": 0.2}
        batches.append(
            BatchTimes(
                batch=batch,
                seconds=tuple(float(t) for t in times),
                parts=tuple(
                    PartTimes.model_validate({"part": part, "median_ms": 1000 * share * median, "p99_ms": None})
                    for part, share in parts.items()
                ),
                elements=40 + batch / 4,
            )
        )
    return LatencyEvidence(
        target="cpu",
        threads=2,
        load_seconds=0.41,
        first_call_seconds=0.062,
        warmup_calls=20,
        batches=tuple(batches),
        noise=noise(),
        raw=raw(f"raw/{variant}-latency.parquet", 3780),
    )


def load(variant: str, seed: int) -> LoadEvidence:
    """Return a queue of one replica at 40 requests a second whose services are log-normal."""
    random, count = np.random.default_rng(seed), 6300
    due, replica = np.cumsum(random.exponential(1 / 40, count)), Replica(largest_batch=1, threads=2)
    took, free = MILLISECONDS[variant] / 1000 * random.lognormal(0, 0.09, count), 0.0
    ended = [free := max(free, at) + one for at, one in zip(due.tolist(), took.tolist(), strict=True)]
    run = LoadRun(
        engine="launchgate", engine_version="1", arrivals=PoissonArrivals(), rate=40, seconds=float(due[-1]), seed=seed,
        replica=replica, requests=count, answered=count, failed=0, unfinished=0, answered_per_second=40, mean_batch=1,
        lateness=Lateness(p50_seconds=2e-6, p99_seconds=3e-5, max_seconds=2e-4), utilisation=float(took.mean() * 40),
        raw=raw(f"variants/{variant}/load-001.parquet", count),
    )  # fmt: skip
    top = 1000 / MILLISECONDS[variant]
    curve = tuple((top * share, 0.02 / (1 - share)) for share in (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95))
    only = Loaded(run=run, scheduled_seconds=tuple(due.tolist()), response_seconds=tuple((ended - due).tolist()))
    return LoadEvidence(
        target="cpu", peak_per_second=120, carrying=3, share_per_second=40, replica=replica, arrivals=run.arrivals,
        runs=(only,), crowded=(run.model_copy(update={"rate": 60, "utilisation": 0.71, "seed": seed + 1}),),
        disturbed=(run.model_copy(update={"seed": seed + 2, "other_load": 0.31}),),
        objectives=(Objective(quantile=0.5, limit_seconds=0.05), Objective(quantile=0.99, limit_seconds=0.1)),
        sustained_per_second=0.8 * top, curve=curve,
    )  # fmt: skip


def noise() -> Noise:
    """Return a machine on which nothing else runs."""
    return Noise(
        seconds=41.0, machine_cores=2, affinity=(0, 1), other_load=0.02, control_calls=1600, control_median_ms=0.9,
        control_p99_ms=1.1,
    )  # fmt: skip


def cold_start(variant: str) -> ColdStartEvidence:
    """Return five processes, two of them warmed up, that answer after two seconds."""
    once = MILLISECONDS[variant]
    starts = (
        ColdStart(
            warmed=warmed, interpreter_seconds=0.1, imports_seconds=1.2, load_seconds=0.4, first_answer_seconds=once / 100,
            calls_ms=(once,) * 60, settled_after=None if warmed else 3,
        )
        for warmed in (False, False, False, True, True)
    )  # fmt: skip
    return ColdStartEvidence(
        target="cpu", threads=2, starts=tuple(starts), warmup_calls=5, warmup=raw(f"raw/{variant}-warmup.parquet", 5)
    )


def memory(variant: str, seed: int) -> MemoryEvidence:
    """Return a soak that settles and then stays level."""
    random = np.random.default_rng(seed)
    base = {"fp32": 380, "int8-dynamic": 240, "int8-static": 250}[variant] * MB
    calls = range(0, 6001, 40)
    settle = [9 * MB * (1 - np.exp(-at / 700)) + random.normal(0, 0.25 * MB) for at in calls]
    return MemoryEvidence(
        loaded_bytes=base,
        warm_bytes=base + 12 * MB,
        peaks=tuple(BatchPeak(batch=b, peak_bytes=base + (14 + int(1.9 * b)) * MB) for b in BATCHES),
        soak_rss=tuple((at, base + int(grown)) for at, grown in zip(calls, settle, strict=True)),
        soak_python=tuple((at, 31 * MB) for at in calls),
        soak_native=tuple((at, 60 * MB) for at in calls),
    )


def cost(variant: str) -> CostEvidence:
    """Return dollars at 40 requests a second at the peak."""
    service = MILLISECONDS[variant] * 1.03
    replicas = 1 + round(service * 0.4)
    month = replicas * 0.0893 * 730
    return CostEvidence(
        machine="c7i.large",
        machine_hour_usd=0.0893,
        machine_source="aws.amazon.com/ec2/pricing, us-east-1, 2026-11-02",
        measured_on="2 cores of an x86-64 server",
        service_ms=service,
        service_ms_low=service * 0.97,
        service_ms_high=service * 1.04,
        serving_batch=1,
        peak_per_second=300,
        utilisation=0.6,
        replicas=replicas,
        replicas_high=replicas + 1,
        usd_per_thousand=month / 105_000,
        usd_per_thousand_high=month * 1.12 / 105_000,
        usd_per_month=month,
        usd_per_month_high=month * 1.12,
        sustained_per_second=1000 / service,
        erlang_replicas=replicas,
    )
