"""How much Prefect, MLflow, Great Expectations and the report add to the model work of a launch.

Runs the stages that touch the model as a bare script, and then the whole launch, each in a fresh process with an empty
cache, and prints the ratio of their wall times. Both measure every variant whole, also those that a gate
rejects. `python benchmarks/overhead.py [--check]`
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bare import model_work
from harness import finish, parser

ROOT = Path(__file__).resolve().parent.parent
CANDIDATE = ROOT / "candidates" / "sentiment_minilm"
GOAL = 1.15


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
        sys.path[:0] = [str(ROOT)]
        model_work(arguments.bare, CANDIDATE, "standard")
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
