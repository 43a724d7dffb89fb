"""Where the seconds of a tiny launch go: each stage, each process with its imports, and the floor under them.

Makes a candidate by `launchgate init`, launches it by the policy `selftest` in a fresh home, and then takes the same
measurements by a bare script without Prefect, MLflow and Great Expectations: the floor. Then it launches the same without the
stages that time something, and with a log that the gates of the data reject. Nothing else should run beside it.
`python benchmarks/tiny_launch.py [--check]`
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

from bare import model_work
from harness import finish, parser

ROOT = Path(__file__).resolve().parent.parent
CLOCK = Path(__file__).resolve().parent / "import_clock"
NAME = "tiny"
GOAL = 90.0  # seconds, alone on two slow cores
GOALS = {"untimed": 25.0, "rejected at the data": 15.0}  # same, of launches that end earlier
MISSING = 5  # one value in so many is taken away
STAGE = re.compile(r"^\S+  (.+?) (?:done in|has no result after) ([\d.]+) s")
NO_VERDICT = 2  # exit status of a command that could not be carried out
FEW = 0.05  # seconds of a stage that get no line of their own


def main() -> None:
    """Launch, measure the floor, and print both as a table; with `--bare`, be the bare script."""
    options = parser(__doc__ or "")
    options.add_argument("--bare", nargs=2, type=Path, metavar=("FOLDER", "CANDIDATE"), help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.bare:
        sys.path[:0] = [str(ROOT)]
        folder, candidate = arguments.bare
        print(json.dumps(model_work(folder, candidate, "selftest").seconds))
        return
    with tempfile.TemporaryDirectory(prefix="tiny-launch-") as name:
        folder = Path(name)
        clocked = folder / "imports"
        clocked.mkdir()
        environment = os.environ | {
            "LAUNCHGATE_HOME": str(folder / "home"),
            "PREFECT_HOME": str(folder / "prefect"),
            "MLFLOW_TRACKING_URI": "",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        }
        command = [sys.executable, "-m", "flows.cli"]
        subprocess.run([*command, "init", NAME], cwd=folder, env=environment, check=True)
        candidate = folder / "candidates" / NAME
        path = os.pathsep.join((str(CLOCK), environment["PYTHONPATH"]))
        timed = environment | {"IMPORT_CLOCK": str(clocked), "PYTHONPATH": path}
        launched, busy, stages = launch([*command, "launch", str(candidate), "--policy", "selftest"], folder, timed)
        bare = environment | {"LAUNCHGATE_HOME": str(folder / "bare")}
        started = time.perf_counter()
        told = subprocess.run(
            [sys.executable, __file__, "--bare", str(folder / "made"), str(candidate)],
            env=bare, check=True, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip
        floor_seconds = time.perf_counter() - started
        floor = json.loads(told.splitlines()[-1])
        starts = processes(clocked)
        early = {
            "untimed": launch(
                [*command, "launch", str(candidate), "--policy", str(untimed(folder))], folder, environment
            )[0],
            "rejected at the data": launch(
                [*command, "launch", str(with_gaps(candidate)), "--policy", "selftest"], folder, environment
            )[0],
        }
    show(launched, stages, floor_seconds, floor, starts)
    for name, seconds in early.items():
        print(f"a launch {name}: {seconds:.1f} s, at most {GOALS[name]:g}")
    kept = launched <= GOAL and all(seconds <= GOALS[name] for name, seconds in early.items())
    details = {
        "early": early,
        "busy_seconds": busy,
        "floor_seconds": floor_seconds,
        "stages": stages,
        "floor": {name: {"seconds": wall, "busy_seconds": cpu} for name, (wall, cpu) in floor.items()},
        "processes": {
            what: {"starts": len(each), "import_seconds": sum(each) / len(each)} for what, each in starts.items()
        },
    }
    finish("tiny_launch", launched, f"<={GOAL:g}", kept, details)


def untimed(folder: Path) -> Path:
    """Return the policy `selftest` without the stages that time something."""
    text = (ROOT / "expectations" / "policies" / "selftest.yaml").read_text(encoding="utf-8")
    path = folder / "untimed.yaml"
    path.write_text(text.replace("\nmeasure:\n", "\nmeasure:\n  last_stage: robustness\n", 1), encoding="utf-8")
    return path


def with_gaps(candidate: Path) -> Path:
    """Return a copy of the candidate whose log lacks one amount in five."""
    import pandas as pd

    copy = candidate.with_name("gaps")
    shutil.copytree(candidate, copy)
    for path in (copy / "data" / "log").rglob("*.parquet"):
        rows = pd.read_parquet(path)
        rows.loc[rows.index % MISSING == 0, "amount"] = None
        rows.to_parquet(path)
    return copy


def launch(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, dict[str, float]]:
    """Return the wall and processor seconds of a launch, and the seconds of each stage; its log is shown as it comes."""
    before, started = _children_seconds(), time.perf_counter()
    stages: dict[str, float] = {}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None  # noqa: S101  it was opened as a pipe
        for line in process.stderr:
            print(line, end="", flush=True)
            if not stages:
                stages["until the first stage ended"] = time.perf_counter() - started
            if found := STAGE.match(line):
                stages[found[1]] = float(found[2])
    took = time.perf_counter() - started
    if process.returncode >= NO_VERDICT:
        raise SystemExit(f"the launch ended with status {process.returncode}")
    return took, _children_seconds() - before, stages


def processes(folder: Path) -> dict[str, list[float]]:
    """Return the seconds that each process imported, by what it ran."""
    found: dict[str, list[float]] = defaultdict(list)
    for path in folder.iterdir():
        command, *seconds = path.read_text().splitlines()
        found[_ran(command.split())].append(sum(map(float, seconds)))
    return dict(sorted(found.items(), key=lambda item: -sum(item[1])))


def show(
    launched: float, stages: dict[str, float], floor_seconds: float,
    floor: dict[str, tuple[float, float]], starts: dict[str, list[float]],
) -> None:  # fmt: skip
    """Print the stages beside their floor, and the processes with their imports."""
    print(f"\n{'stage':<34}{'launch s':>9}{'floor s':>9}{'floor busy s':>14}")
    for name, seconds in stages.items():
        wall, busy = floor.get(name, (None, None))
        if max(seconds, wall or 0) >= FEW:
            print(f"{name:<34}{seconds:>9.1f}{_shown(wall):>9}{_shown(busy):>14}")
    print(f"{'all, with what lies between':<34}{launched:>9.1f}{floor_seconds:>9.1f}")
    print(f"\n{'process':<58}{'starts':>7}{'imports, s each':>17}")
    for what, each in starts.items():
        print(f"{what:<58}{len(each):>7}{sum(each) / len(each):>17.2f}")


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"


def _ran(command: list[str]) -> str:
    """Return the module or the file that a Python process ran."""
    for flag, value in pairwise(command):
        if flag == "-m":
            return value
        if flag == "-c":
            return "-c ..."
    return next((word for word in command[1:] if not word.startswith("-")), "python")


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
