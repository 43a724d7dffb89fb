"""Where evidence was taken: Python, every installed distribution, and the hardware."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import psutil
from packaging.utils import canonicalize_name

from tasks.core.files import digest_of
from tasks.evidence import Environment

CPU_INFO = Path("/proc/cpuinfo")


def describe_environment() -> Environment:
    """Return this process's environment; its digest changes with any library version or kind of hardware."""
    facts = {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "gpu": _gpu(),
        "packages": installed(),
    }
    stable = {key: value for key, value in facts.items() if key != "memory_bytes"}
    return Environment.model_validate(facts | {"sha256": digest_of(stable)})


def installed() -> dict[str, str]:
    """Return the version of every distribution by its canonical name, in order; of two, that of the one that is imported."""
    first: dict[str, str] = {}
    for item in distributions():
        first.setdefault(canonicalize_name(item.name), item.version)
    return dict(sorted(first.items()))


def _cpu() -> str:
    if CPU_INFO.exists():
        for line in CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _gpu() -> str | None:
    """Return the devices' names and driver as nvidia-smi tells them, or None where there is none."""
    if not shutil.which("nvidia-smi"):
        return None
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    return told.stdout.strip() or None if told.returncode == 0 else None
