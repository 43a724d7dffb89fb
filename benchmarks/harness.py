"""What every benchmark shares: the machine it ran on, its kept result, its last line, and `--check`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
LIBRARIES = (
    "boto3",
    "great_expectations",
    "mlflow",
    "numpy",
    "onnx",
    "onnxruntime-gpu",
    "pandas",
    "prefect",
    "pyarrow",
    "scipy",
    "torch",
)


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of command lines that knows `--check`."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--check", action="store_true", help="exit with status 1 where the result misses its goal")
    return made


def environment() -> dict[str, Any]:
    """Return what a figure depends on: processor, cores, memory in bytes, system, Python, libraries, and the date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in LIBRARIES},
    }


def finish(name: str, value: float, goal: str, ok: bool, details: dict[str, Any]) -> None:
    """Keep the result in `results/NAME.json` and print the last line; exit 1 where `--check` was given and it is short.

    `goal` is written as it is compared, `<=1.2` say.
    """
    result = {"name": name, "value": value, "goal": goal, "ok": ok, "environment": environment(), "details": details}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"{name} value={value:.4g} goal={goal}", flush=True)
    if not ok and "--check" in sys.argv:
        sys.exit(1)


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
