"""What a launch does with a model and nothing else: no flow, no ledger, no data quality, no report."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Candidate, Serving
    from tasks.data.datasets import DataSets
    from tasks.decision.policy import Policy

Result = TypeVar("Result")


class Stages:
    """The wall and processor seconds of each stage, those of the processes that it started and that ended included."""

    def __init__(self) -> None:
        self.seconds: dict[str, tuple[float, float]] = {}

    def run(self, name: str, stage: Callable[..., Result], *given: Any, **named: Any) -> Result:
        """Run a stage, and note its seconds under its name."""
        wall, busy = time.perf_counter(), sum(os.times()[:4])
        try:
            return stage(*given, **named)
        finally:
            self.seconds[name] = time.perf_counter() - wall, sum(os.times()[:4]) - busy


def model_work(folder: Path, where: Path, bar: str) -> Stages:
    """Measure the candidate in the folder `where` as the policy `bar` asks; what is made goes into `folder`."""
    from infra.storage import open_log
    from tasks.candidate.folder import load_candidate
    from tasks.core.run_folder import RunFolder
    from tasks.data.datasets import copy_fixed_sets
    from tasks.data.sampling import draw_sample
    from tasks.decision.policy import load_policy
    from tasks.serving.server import serving_of
    from tasks.variants.export import export_model
    from tasks.variants.parity import check_parity
    from tasks.variants.quantize import quantize
    from tasks.variants.recipes import RECIPES

    stages = Stages()
    candidate, policy = load_candidate(where, RECIPES), load_policy(bar)
    measuring, seed, target = policy.measure, policy.sample.seed, policy.target
    sets = copy_fixed_sets(candidate, RunFolder(folder))
    log = open_log(str(candidate.resolve(candidate.data.production)))
    stages.run("sample", draw_sample, log, candidate.columns, policy.sample, candidate.data.as_of, sets.production)
    reference = stages.run("export", export_model, candidate, sets.production)
    served = serving_of(candidate, reference, target, measuring.threads)
    stages.run("parity", check_parity, candidate, served, reference, measuring, sets.production, seed)
    for name in candidate.variants:
        fixed = sets.calibration, measuring.calibration_rows
        variant = stages.run(f"{name}: quantize", quantize, candidate, reference, name, target, *fixed)
        served = serving_of(candidate, variant, target, measuring.threads)
        _measure_answers(stages, name, candidate, served, sets, policy, folder / "variants")
        _measure_costs(stages, name, candidate, served, sets, policy, folder / "variants" / name)
    return stages


def _measure_answers(
    stages: Stages, name: str, candidate: Candidate, served: Serving, sets: DataSets, policy: Policy, variants: Path
) -> None:
    from tasks.core.run_folder import VariantFolder
    from tasks.evaluation.calibration import calibrate_variant
    from tasks.evaluation.evaluate import evaluate_variant
    from tasks.evidence import FirstLaunch
    from tasks.serving.determinism import measure_determinism
    from tasks.serving.provider import prove_provider

    out, first = variants / name, FirstLaunch(model=candidate.name)
    base = VariantFolder(variants / "fp32").answers("production")
    rows, seed = sets.production, policy.sample.seed
    stages.run(f"{name}: determinism", measure_determinism, served, rows, policy.measure, seed, out)
    stages.run(f"{name}: provider", prove_provider, served, rows)
    stages.run(f"{name}: evaluate", evaluate_variant, candidate, served, sets, out, base, champion=first)
    answers = VariantFolder(out).answers("production")
    stages.run(f"{name}: calibrate", calibrate_variant, candidate, served, sets.calibration, answers, out)


def _measure_costs(
    stages: Stages, name: str, candidate: Candidate, served: Serving, sets: DataSets, policy: Policy, out: Path
) -> None:
    from tasks.core.errors import StageError
    from tasks.evaluation.robustness.measure import measure_robustness
    from tasks.performance.latency.closed_loop import measure_latency
    from tasks.performance.latency.cold_start import measure_cold_start
    from tasks.performance.load.peak import measure_load
    from tasks.performance.load.setup import LoadSetup
    from tasks.performance.memory.measure import measure_memory

    run, measuring, seed, slo = stages.run, policy.measure, policy.sample.seed, policy.limits()["latency-slo"]
    rows, rest = sets.production, (measuring, seed, out)
    latency = run(f"{name}: latency", measure_latency, served, rows, *rest)
    given = LoadSetup(served, rows, latency, measuring, policy.business, seed, out)
    batched = measuring, policy.business.serving_batch, seed, out
    run(f"{name}: cold start", measure_cold_start, served, rows, *batched)
    run(f"{name}: robustness", measure_robustness, served, rows, candidate.columns.label, *rest)
    run(f"{name}: memory", measure_memory, served, rows, measuring, seed)
    with contextlib.suppress(StageError):  # a launch goes on too where a busy machine lets none be told
        most = policy.limits()["capacity"].max_replicas
        run(f"{name}: load", measure_load, given, slo.under_load, slo.confidence, most)
