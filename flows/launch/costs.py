"""What a variant's answers take: time, load, memory, a start, capacity."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, cast

from flows import steps
from flows.launch.against_champion import FETCHED
from tasks.decision.early_stop import reason_to_stop
from tasks.evidence import FirstLaunch, Unmeasured, VariantEvidence
from tasks.performance.load.setup import UnderLoad

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows.launch.against_champion import Incumbent
    from flows.launch.context import Answered, Launch
    from tasks.core.records import Serving
    from tasks.data.datasets import DataSets
    from tasks.evidence import CapacityEvidence, LatencyEvidence
    from tasks.gates import latency_slo


COSTS = ("latency", "load", "capacity", "champion_latency", "cold_start", "robustness", "memory", "cost")
GATES_OF_COSTS = (
    "robustness", "champion-regression", "latency-slo", "batch-profile", "cold-start", "memory-per-request", "memory-leak",
)  # fmt: skip


def measure_costs(
    current: Launch,
    answered: Sequence[Answered],
    sets: DataSets | Unmeasured,
    incumbent: Incumbent,
    why: Unmeasured | None,
) -> tuple[VariantEvidence, ...]:
    """Measure what answers take of each variant that is still to be measured, of none where there is a reason `why` not to."""
    found = []
    for each in answered:
        served = why or each.served
        if isinstance(served, Unmeasured):
            found.append(each.evidence.model_copy(update=dict.fromkeys(COSTS, served)))
        else:
            found.append(_measure_costs(current, each.evidence, served, sets, incumbent))
        current.progress.advance(f"{each.evidence.name}: costs")
    shutil.rmtree(current.folder / FETCHED, ignore_errors=True)
    return tuple(found)


def _measure_costs(
    current: Launch, evidence: VariantEvidence, served: Serving, sets: DataSets | Unmeasured, incumbent: Incumbent
) -> VariantEvidence:
    """Return the evidence with what answers take: time, a start, memory; and what odd requests do."""
    policy, name = current.policy, evidence.name
    measuring, seed, together = policy.measure, policy.sample.seed, policy.business.serving_batch
    out = current.folder / "variants" / name
    rows = sets if isinstance(sets, Unmeasured) else sets.production
    rest: Sequence[object] = (measuring, seed, out)
    batched: Sequence[object] = (measuring, together, seed, out)
    latency = steps.attempt(f"{name}: latency", steps.time_calls, served, rows, *rest)
    slo = cast("latency_slo.Limits", policy.limits()["latency-slo"])
    stages: dict[str, Any] = {
        "latency": latency,
        "load": steps.attempt(
            f"{name}: load",
            steps.offer_load,
            _under_load(current, name, served, rows, latency),
            slo.under_load,
            slo.confidence,
        )
        if measuring.load_seconds
        else Unmeasured(stage=f"{name}: load", why="the policy asks for no load (measure.load_seconds is 0)"),
        "champion_latency": incumbent.served
        if isinstance(incumbent.served, FirstLaunch)
        else steps.attempt(f"{name}: champion latency", steps.time_in_turns, served, incumbent.served, rows, *batched),
        "cold_start": steps.attempt(f"{name}: cold start", steps.time_starts, served, rows, *batched)
        if measuring.cold_starts
        else Unmeasured(
            stage=f"{name}: cold start", why="the policy asks for no cold start (measure.cold_starts is 0)"
        ),
        "robustness": steps.attempt(
            f"{name}: robustness", steps.perturb, served, rows, current.candidate.columns.label, *rest
        ),
        "memory": steps.attempt(f"{name}: memory", steps.watch_memory, served, rows, measuring, seed),
    }
    found = evidence.model_copy(update=stages)
    return found.model_copy(update={"capacity": _measure_capacity(current, found, served, rows)})


def _measure_capacity(
    current: Launch, evidence: VariantEvidence, served: Serving, rows: Path | Unmeasured
) -> CapacityEvidence | Unmeasured:
    """Return what a replica of a variant sustains that nothing rejects so far: it takes the longest of all."""
    policy, stage = current.policy, f"{evidence.name}: capacity"
    measuring, slo = policy.measure, cast("latency_slo.Limits", policy.limits()["latency-slo"])
    if not measuring.capacity_seconds:
        return Unmeasured(stage=stage, why="the policy asks for no capacity (measure.capacity_seconds is 0)")
    if (why := reason_to_stop(evidence, policy, GATES_OF_COSTS)) is not None:
        return why
    return steps.attempt(
        stage,
        steps.find_capacity,
        _under_load(current, evidence.name, served, rows, evidence.latency),
        slo.objective,
        policy.limits()["capacity"].confidence,
    )


def _under_load(
    current: Launch, name: str, served: Serving, rows: Path | Unmeasured, latency: LatencyEvidence | Unmeasured
) -> UnderLoad | Unmeasured:
    """Return what a stage is given that puts a variant under load, or what it lacks."""
    if isinstance(rows, Unmeasured):
        return rows
    if isinstance(latency, Unmeasured):
        return latency
    policy, out = current.policy, current.folder / "variants" / name
    return UnderLoad(served, rows, latency, policy.measure, policy.business, policy.sample.seed, out)
