"""What a variant makes of perturbed rows, and what its answers take: time, load, a start, memory, capacity."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, cast

from flows import steps
from tasks.decision.early_stop import reason_to_stop
from tasks.evidence import FirstLaunch, Unmeasured, VariantCosts, VariantEvidence
from tasks.gates import capacity, latency_slo
from tasks.performance.load.setup import LoadSetup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.launch.against_champion import LiveChampion
    from flows.launch.context import Launch
    from flows.launch.variants import Answered
    from tasks.core.records import Record, Serving
    from tasks.core.verdicts import Stage
    from tasks.evidence import (
        ChampionLatency,
        ColdStartEvidence,
        LatencyEvidence,
        LoadEvidence,
        MemoryEvidence,
        RobustnessEvidence,
    )


def measure_costs(
    launch: Launch, answered: Sequence[Answered], champion: LiveChampion, why: Unmeasured | None
) -> tuple[VariantEvidence, ...]:
    """Measure what answers take of each variant that nothing rejects yet; of none where `why` says why not."""
    found = []
    for each in answered:
        served = why or each.served
        costs = served if isinstance(served, Unmeasured) else _Costs(launch, each, served, champion).measure()
        found.append(VariantEvidence.of(each.made, each.answers, costs))
        launch.progress.advance(f"{each.made.name}: costs")
    shutil.rmtree(launch.folder.champion, ignore_errors=True)
    return tuple(found)


class _Costs:
    """The stages that measure what one variant's answers take, one after the other: most of them time."""

    def __init__(self, launch: Launch, answered: Answered, served: Serving, champion: LiveChampion) -> None:
        self._launch, self._answered, self._served, self._champion = launch, answered, served, champion
        self._name = answered.made.name
        self._out = launch.folder.variant(self._name).path
        self._measuring, self._seed = launch.policy.measure, launch.policy.sample.seed
        self._together = launch.policy.business.serving_batch

    def measure(self) -> VariantCosts:
        """Run the stages until one is done after which a gate rejects the variant, or the policy asks for no more.

        What times nothing comes first, and the load last: it takes the longest.
        """
        costs = VariantCosts.lacking(Unmeasured(stage=self._name, why="not measured yet"))
        why: Unmeasured | None = None
        for stage, (field, measure) in self._stages().items():
            costs = costs.replacing(**{field: why or measure(costs)})
            so_far = VariantEvidence.of(self._answered.made, self._answered.answers, costs)
            why = why or reason_to_stop(so_far, self._launch.policy, stage)
        return costs

    def _stages(self) -> dict[Stage, tuple[str, Callable[[VariantCosts], Record]]]:
        """Return the field of `VariantCosts` that each stage fills in, and what measures it given the costs so far."""
        return {
            "robustness": ("robustness", self._robustness),
            "latency": ("latency", self._latency),
            "champion-latency": ("champion_latency", self._champion_latency),
            "cold-start": ("cold_start", self._cold_start),
            "memory": ("memory", self._memory),
            "load": ("load", self._load),
        }

    def _latency(self, _: VariantCosts) -> LatencyEvidence | Unmeasured:
        return steps.attempt(
            f"{self._name}: latency",
            steps.time_calls,
            self._served,
            self._launch.production,
            self._measuring,
            self._seed,
            self._out,
        )

    def _load(self, costs: VariantCosts) -> LoadEvidence | Unmeasured:
        stage = f"{self._name}: load"
        if not self._measuring.load_seconds:
            return Unmeasured(stage=stage, why="the policy asks for no load (measure.load_seconds is 0)")
        limits = self._launch.policy.limits()
        slo = cast("latency_slo.Limits", limits[latency_slo.NAME])
        most = cast("capacity.Limits", limits[capacity.NAME]).max_replicas
        setup = self._under_load(costs.latency)
        return steps.attempt(stage, steps.offer_load, setup, slo.under_load, slo.confidence, most)

    def _champion_latency(self, _: VariantCosts) -> ChampionLatency | FirstLaunch | Unmeasured:
        if isinstance(self._champion.served, FirstLaunch):
            return self._champion.served
        return steps.attempt(
            f"{self._name}: champion latency",
            steps.time_in_turns,
            self._served,
            self._champion.served,
            self._launch.production,
            self._measuring,
            self._together,
            self._seed,
            self._out,
        )

    def _cold_start(self, _: VariantCosts) -> ColdStartEvidence | Unmeasured:
        stage = f"{self._name}: cold start"
        if not self._measuring.cold_starts:
            return Unmeasured(stage=stage, why="the policy asks for no cold start (measure.cold_starts is 0)")
        return steps.attempt(
            stage,
            steps.time_starts,
            self._served,
            self._launch.production,
            self._measuring,
            self._together,
            self._seed,
            self._out,
        )

    def _robustness(self, _: VariantCosts) -> RobustnessEvidence | Unmeasured:
        return steps.attempt(
            f"{self._name}: robustness",
            steps.perturb,
            self._served,
            self._launch.production,
            self._launch.candidate.columns.label,
            self._measuring,
            self._seed,
            self._out,
        )

    def _memory(self, _: VariantCosts) -> MemoryEvidence | Unmeasured:
        return steps.attempt(
            f"{self._name}: memory",
            steps.watch_memory,
            self._served,
            self._launch.production,
            self._measuring,
            self._seed,
        )

    def _under_load(self, latency: LatencyEvidence | Unmeasured) -> LoadSetup | Unmeasured:
        """Return what a stage is given that puts the variant under load, or what it lacks."""
        production = self._launch.production
        if isinstance(production, Unmeasured):
            return production
        if isinstance(latency, Unmeasured):
            return latency
        business = self._launch.policy.business
        return LoadSetup(self._served, production, latency, self._measuring, business, self._seed, self._out)
