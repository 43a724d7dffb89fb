"""What a variant makes of perturbed rows, and what its answers take: time, a start, memory, load; the cheapest variant first."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flows import steps
from tasks.cost.projection import price
from tasks.decision.decide import decide
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
        Evidence,
        LatencyEvidence,
        LoadEvidence,
        MemoryEvidence,
        RobustnessEvidence,
    )


SCREEN_CALLS, SCREEN_SECONDS = 100, 2.0  # of the serving batch: enough to order variants by what they cost
LAST = float("inf")


def measure_costs(
    launch: Launch, answered: Sequence[Answered], champion: LiveChampion, found: Evidence, why: Unmeasured | None
) -> tuple[VariantEvidence, ...]:
    """Measure what answers take of each variant that nothing rejects yet; of none where `why` says why not.

    Where the policy asks for no more than one variant that passes, the cheapest comes first, and once one passes every
    blocking gate the dearer ones are not measured. `found` is what the launch has shown so far.
    """
    measured: dict[str, VariantEvidence] = {}
    for each in _in_order(launch, answered, why):
        served = why or each.served
        costs = served if isinstance(served, Unmeasured) else _Costs(launch, each, served, champion).measure()
        one = measured[each.made.name] = VariantEvidence.of(each.made, each.answers, costs)
        launch.progress.advance(f"{each.made.name}: costs")
        if why is None and _until_one_passes(launch) and _passes(one, launch, found):
            why = Unmeasured(stage="variants", why=f"{one.name} is cheaper and passes every blocking gate")
    shutil.rmtree(launch.folder.champion, ignore_errors=True)
    return tuple(measured[each.made.name] for each in answered)


def _until_one_passes(launch: Launch) -> bool:
    return launch.policy.measure.variants == "until-one-passes"


def _passes(variant: VariantEvidence, launch: Launch, found: Evidence) -> bool:
    """Tell whether the launch would promote this variant if it were its only one."""
    priced = price(found.replacing(variants=(variant,)), launch.policy.business)
    return decide(priced, launch.policy, launch.run_id).outcome == "promote"


def _in_order(launch: Launch, answered: Sequence[Answered], why: Unmeasured | None) -> list[Answered]:
    """Return variants as they were asked for, or the cheapest first by a few calls of those that may go live."""
    if why is not None or not _until_one_passes(launch):
        return list(answered)
    may_go_live = [each for each in answered if each.made.asked and not isinstance(each.served, Unmeasured)]
    took = {each.made.name: _screen(launch, each) if len(may_go_live) > 1 else 0.0 for each in may_go_live}
    return sorted(answered, key=lambda each: took.get(each.made.name, LAST))


def _screen(launch: Launch, each: Answered) -> float:
    """Return the mean seconds of a few calls, infinite where none could be timed."""
    batch = launch.policy.business.serving_batch
    brief = {
        "batches": (batch,), "latency_calls": SCREEN_CALLS, "calls_per_batch": SCREEN_CALLS,
        "latency_seconds": SCREEN_SECONDS, "batch_seconds": SCREEN_SECONDS,
    }  # fmt: skip
    measuring = launch.policy.measure.model_copy(update=brief)
    with tempfile.TemporaryDirectory(prefix="launchgate-") as name:
        found = steps.attempt(
            f"{each.made.name}: screen", steps.time_calls, each.served, launch.production, measuring,
            launch.policy.sample.seed, Path(name),
        )  # fmt: skip
    seconds = () if isinstance(found, Unmeasured) else found.batches[0].seconds
    return sum(seconds) / len(seconds) if seconds else LAST


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
