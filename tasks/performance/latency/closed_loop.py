"""Closed-loop latency by batch size, end to end and by part: encode, session and decode of production rows."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from tasks.core.files import digest
from tasks.core.worker import run_worker
from tasks.evidence import BatchTimes, LatencyEvidence, PartTimes, Raw, StepTimes
from tasks.performance.gpu.monitor import DeviceWatch
from tasks.performance.latency.request import CallTimes, LatencyResponse, latency_request

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring


FEWEST_FOR_P99 = 100
MS = 1e3


def measure_latency(serving: Serving, rows: Path, measuring: Measuring, seed: int, out: Path) -> LatencyEvidence:
    """Return wall seconds of calls at each batch size, on rows drawn at random from the production sample at `rows`.

    The raw times are in `out`/latency.parquet. Raises StageError where the variant does not run on the target, and
    ModelError where it crashes, hangs or answers nothing.
    """
    request = latency_request(measuring, seed, serving, rows)
    with DeviceWatch() if serving.target == "cuda" else nullcontext() as watch:
        response = run_worker("tasks.performance.latency", request, LatencyResponse, measuring.stage_timeout_seconds)
    return LatencyEvidence(
        target=serving.target,
        threads=serving.threads,
        load_seconds=response.load_seconds,
        first_call_seconds=response.first_call_seconds,
        warmup_calls=response.warmup_calls,
        batches=tuple(_summary(times) for times in response.batches),
        steps=_by_length(response.batches),
        noise=response.noise,
        device=None if watch is None else watch.seen,
        raw=_save(response, out),
    )


def _summary(times: CallTimes) -> BatchTimes:
    parts = {"encode": times.encode, "session": times.session, "decode": times.decode}
    return BatchTimes(
        batch=times.batch,
        seconds=times.seconds,
        parts=tuple(_part(name, seconds) for name, seconds in parts.items()) if times.seconds else (),
        elements=times.elements,
    )


def _part(name: str, seconds: tuple[float, ...]) -> PartTimes:
    tail = float(np.quantile(seconds, 0.99)) * MS if len(seconds) >= FEWEST_FOR_P99 else None
    part = cast("Literal['encode', 'session', 'decode']", name)
    return PartTimes(part=part, median_ms=float(np.median(seconds)) * MS, p99_ms=tail)


def _by_length(batches: tuple[CallTimes, ...]) -> tuple[StepTimes, ...]:
    """Return the step times of single answers by how many steps they took; none where an answer is one call."""
    single = min(batches, key=lambda times: times.batch).steps
    found = []
    for length in sorted({steps for steps, _, _ in single if steps}):
        alike = [(first, last) for steps, first, last in single if steps == length]
        found.append(
            StepTimes(
                steps=length,
                calls=len(alike),
                first_step_ms=float(np.median([first for first, _ in alike])) * MS,
                step_ms=None
                if length == 1
                else float(np.median([(last - first) / (length - 1) for first, last in alike])) * MS,
            )
        )
    return tuple(found)


def _save(response: LatencyResponse, out: Path) -> Raw:
    import pandas as pd

    tables = []
    for times in response.batches:
        table = pd.DataFrame({"encode": times.encode, "session": times.session, "decode": times.decode}, dtype=float)
        table.insert(0, "batch", times.batch)
        table.insert(1, "seconds", times.seconds)
        if times.steps:
            table[["steps", "first_step", "last_step"]] = times.steps
        tables.append(table)
    path = out / "latency.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = pd.concat(tables, ignore_index=True)
    whole.to_parquet(path, index=False)
    return Raw(path=f"{out.parent.name}/{out.name}/{path.name}", sha256=digest(path), rows=len(whole))
