"""How much Prefect, MLflow, Great Expectations and the report add to the model work of a launch.

Runs the stages that touch the model as a bare script, and then the whole launch, each in a fresh process with an empty
cache, and prints the ratio of their wall times. Both measure every variant whole, also those that a gate
rejects. `python benchmarks/overhead.py [--check]`
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import finish, parser

from tasks.core.run_folder import RunFolder, VariantFolder

ROOT = Path(__file__).resolve().parent.parent
CANDIDATE = ROOT / "candidates" / "sentiment_minilm"
GOAL = 1.15


def model_work(folder: Path) -> None:
    """Do what a launch does with the model and nothing else: no flow, no ledger, no data quality, no report."""
    from infra.storage import open_log
    from tasks.candidate.folder import load_candidate
    from tasks.core.errors import StageError
    from tasks.data.datasets import copy_fixed_sets
    from tasks.data.sampling import draw_sample
    from tasks.decision.policy import load_policy
    from tasks.evaluation.calibration import calibrate_variant
    from tasks.evaluation.evaluate import evaluate_variant
    from tasks.evaluation.robustness.measure import measure_robustness
    from tasks.evidence import FirstLaunch
    from tasks.performance.capacity.measure import measure_capacity
    from tasks.performance.latency.closed_loop import measure_latency
    from tasks.performance.latency.cold_start import measure_cold_start
    from tasks.performance.load.peak import measure_load
    from tasks.performance.load.setup import UnderLoad
    from tasks.performance.memory.measure import measure_memory
    from tasks.serving.determinism import measure_determinism
    from tasks.serving.provider import prove_provider
    from tasks.serving.server import serving_of
    from tasks.variants.export import export_model
    from tasks.variants.parity import check_parity
    from tasks.variants.quantize import quantize
    from tasks.variants.recipes import RECIPES

    candidate, policy = load_candidate(CANDIDATE, RECIPES), load_policy("standard")
    measuring, seed, slo = policy.measure, policy.sample.seed, policy.limits()["latency-slo"]
    sets = copy_fixed_sets(candidate, RunFolder(folder))
    log = open_log(str(candidate.resolve(candidate.data.production)))
    draw_sample(log, candidate.columns, policy.sample, candidate.data.as_of, sets.production)
    reference = export_model(candidate, sets.production)
    served = serving_of(candidate, reference, policy.target, measuring.threads)
    check_parity(candidate, served, reference, measuring, sets.production, seed)
    base = VariantFolder(folder / "variants" / "fp32").answers("production")
    for name in candidate.variants:
        variant = quantize(candidate, reference, name, policy.target, sets.calibration, measuring.calibration_rows)
        served = serving_of(candidate, variant, policy.target, measuring.threads)
        out = folder / "variants" / name
        measure_determinism(served, sets.production, measuring, seed, out)
        prove_provider(served, sets.production)
        evaluate_variant(candidate, served, sets, out, base, champion=FirstLaunch(model=candidate.name))
        calibrate_variant(candidate, served, sets.calibration, VariantFolder(out).answers("production"), out)
        latency = measure_latency(served, sets.production, measuring, seed, out)
        given = UnderLoad(served, sets.production, latency, measuring, policy.business, seed, out)
        measure_load(given, slo.under_load, slo.confidence)
        measure_cold_start(served, sets.production, measuring, policy.business.serving_batch, seed, out)
        measure_robustness(served, sets.production, candidate.columns.label, measuring, seed, out)
        measure_memory(served, sets.production, measuring, seed)
        with contextlib.suppress(StageError):  # a launch goes on too where no rate could be told
            measure_capacity(given, slo.objective, policy.limits()["capacity"].confidence)


def seconds(command: list[str]) -> float:
    """Return the wall seconds of a command in a fresh process with a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"LAUNCHGATE_HOME": home, "MLFLOW_TRACKING_URI": ""}
        started = time.perf_counter()
        code = subprocess.run([*command, home], env=environment, check=False, stdout=subprocess.DEVNULL).returncode
        took = time.perf_counter() - started
    if code not in {0, 1}:
        raise SystemExit(f"{' '.join(command)} ended with status {code}")
    return took


def main() -> None:
    """Measure both and print the ratio."""
    options = parser(__doc__ or "")
    options.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.bare:
        model_work(arguments.bare)
        return
    sys.path[:0] = [str(ROOT)]
    from tasks.decision.policy import load_policy

    policy = load_policy("standard")
    bare = seconds([sys.executable, __file__, "--bare"])
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.yaml"
        measuring = policy.measure.model_copy(update={"rejected": "measure"})
        whole.write_text(policy.model_copy(update={"measure": measuring}).text())
        command = "import sys; from flows.cli import main; main(sys.argv[1:-1])"
        launched = seconds([sys.executable, "-c", command, "launch", str(CANDIDATE), "--policy", str(whole)])
    ratio = launched / bare
    print(f"bare model work {bare:.1f} s, launch {launched:.1f} s")
    finish("overhead", ratio, f"<={GOAL}", ratio <= GOAL, {"bare_seconds": bare, "launch_seconds": launched})


if __name__ == "__main__":
    main()
