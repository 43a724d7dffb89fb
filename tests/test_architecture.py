"""The walls of the house: who may import what, how light a worker's modules are, and that gates are pure."""

from __future__ import annotations

import ast
import builtins
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from report_example import evidence

from tasks.gates import GATES
from tasks.policy import load_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

ROOT = Path(__file__).parent.parent
HOUSE = ("flows", "tasks", "infra", "expectations", "candidates")
FILES = [path for part in HOUSE for path in sorted((ROOT / part).rglob("*.py"))]
MOST_LINES = 350
OUTER = {"prefect", "mlflow", "boto3", "botocore", "infra", "flows"}
GATES_MAY_IMPORT = {
    "tasks.records", "tasks.evidence", "tasks.statistics", "tasks.gates", "pydantic", "numpy", "math", "typing", "types",
    "dataclasses", "collections.abc", "__future__", "importlib", "statistics", "functools",
}  # fmt: skip
HEAVY = ("prefect", "mlflow", "boto3", "great_expectations", "torch", "onnxruntime", "pandas", "matplotlib")
LIGHT_MODULES = (
    "tasks.records", "tasks.evidence", "tasks.policy", "tasks.candidate", "tasks.adapter", "tasks.serving",
    "tasks.latency.profile", "tasks.latency.start", "tasks.latency.turns", "tasks.latency.encoded", "tasks.latency.timing",
    "tasks.memory", "tasks.determinism", "tasks.provider", "tasks.evaluate", "tasks.quantize", "tasks.decide", "tasks.cost",
    "tasks.champion", "tasks.datasets", "tasks.dependencies", "tasks.environment", "tasks.validate", "tasks.review", "tasks.mask",
    "tasks.load.__main__", "tasks.load.probe", "tasks.load.served", "tasks.load.generator", "tasks.kept", "tasks.overlay",
    "tasks.soak", "tasks.capacity.loaded", "tasks.latency.turn",
    "tasks.endpoint.__main__", "tasks.endpoint.measure", "tasks.endpoint.bodies", "tasks.endpoint.meet", "tasks.endpoint.verdict",
    "flows.cli",
)  # fmt: skip


def imports(path: Path) -> set[str]:
    """Return every module that a file imports anywhere in it, also inside of functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def tops(path: Path) -> set[str]:
    """Return the top-level names of a file's imports."""
    return {name.partition(".")[0] for name in imports(path)}


def importers(name: str) -> set[str]:
    """Return the files that import a library, from the root."""
    return {path.relative_to(ROOT).as_posix() for path in FILES if name in tops(path)}


def test_only_flows_import_prefect() -> None:
    """Tasks are plain functions that run in a notebook, in a test, or on a slim worker."""
    found = importers("prefect")
    assert found
    assert all(path.startswith("flows/") for path in found)


def test_only_the_ledger_imports_mlflow() -> None:
    """Every other file knows the ledger's port alone."""
    found = importers("mlflow")
    assert found
    assert all(path.startswith("infra/ledger") for path in found)


def test_only_the_storage_imports_boto3() -> None:
    """Every other file knows a log as named files that open."""
    assert importers("boto3") | importers("botocore") == {"infra/storage.py"}


def test_tasks_import_nothing_outside_of_them() -> None:
    """tasks/ knows neither Prefect nor MLflow nor boto3, and neither infra/ nor flows/."""
    for path in FILES:
        if path.is_relative_to(ROOT / "tasks"):
            assert not tops(path) & OUTER, path


def test_infra_does_not_know_the_flows() -> None:
    """Adapters serve the flows, not the other way round."""
    assert not any(path.startswith("infra/") for path in importers("flows"))


def test_gates_import_records_evidence_and_statistics_alone() -> None:
    """A gate that could reach the disk or a clock could decide otherwise tomorrow."""
    for path in sorted((ROOT / "tasks" / "gates").glob("*.py")):
        for name in imports(path):
            assert name in GATES_MAY_IMPORT or name.startswith("tasks.gates."), f"{path.name} imports {name}"


def test_gates_judge_alike_without_disk_clock_network_or_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence and limits are all that a gate reads."""
    seen, limits = evidence(), load_policy("standard").limits()

    def judged() -> Iterator[object]:
        for name, gate in GATES.items():
            for subject in (seen,) if gate.SCOPE == "launch" else seen.variants:
                yield gate.judge(subject, limits[name])

    before = list(judged())

    def refusing(original: Any) -> Any:
        """Return a function that refuses this thread; what other tests left running is not a gate."""

        def call(*arguments: Any, **named: Any) -> Any:
            if threading.get_ident() == here:
                raise AssertionError("a gate reached outside of its evidence")
            return original(*arguments, **named)

        return call

    here = threading.get_ident()

    with monkeypatch.context() as patch:
        for module, names in {
            time: ("time", "monotonic", "perf_counter", "time_ns"),
            os: ("open", "stat", "listdir", "getenv", "urandom"),
            socket: ("socket", "create_connection"),
            random: ("random", "randint"),
            np.random: ("random", "rand", "normal"),
            builtins: ("open",),
            subprocess: ("Popen",),
        }.items():
            for name in names:
                patch.setattr(module, name, refusing(getattr(module, name)))
        after = list(judged())
    assert after == before


def test_a_workers_modules_are_light() -> None:
    """Importing a stage loads none of the heavy libraries: they come where they are used."""
    code = f"""
import importlib, sys
for module in {LIGHT_MODULES!r}:
    importlib.import_module(module)
    if heavy := [name for name in {HEAVY!r} if name in sys.modules]:
        sys.exit(f"{{module}} loads {{heavy}}")
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (told.returncode, told.stderr) == (0, "")


def test_files_have_one_subject_each() -> None:
    """A file of more lines than one sits down to read has two subjects."""
    long = {path.name: lines for path in FILES if (lines := len(path.read_text().splitlines())) > MOST_LINES}
    assert long == {}
