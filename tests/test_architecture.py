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
from support.report_example import evidence

from tasks.decision.policy import load_policy
from tasks.gates import GATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

ROOT = Path(__file__).parent.parent
HOUSE = ("flows", "tasks", "infra", "expectations")
FILES = [path for part in HOUSE for path in sorted((ROOT / part).rglob("*.py"))]
MOST_LINES = 350

# The floors of the house, from the ground up. A room imports from floors below its own, and from itself.
FLOORS = (
    ("tasks.core", "tasks.statistics"),
    ("tasks.evidence",),
    ("tasks.gates", "tasks.data", "tasks.environment", "tasks.cost"),
    ("tasks.candidate", "tasks.decision", "expectations"),
    ("tasks.serving",),
    ("tasks.variants", "tasks.performance", "tasks.evaluation"),
    ("tasks.monitoring",),
    ("tasks.report",),
    ("infra",),
    ("flows",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MEASURING = (
    "tasks.data", "tasks.candidate", "tasks.environment", "tasks.serving", "tasks.variants", "tasks.evaluation",
    "tasks.performance", "tasks.cost",
)  # fmt: skip
JUDGING = ("tasks.gates", "tasks.decision")
GATES_MAY_IMPORT = {
    "tasks.core.records", "tasks.core.verdicts", "tasks.evidence", "tasks.statistics", "tasks.gates", "pydantic", "numpy",
    "math", "typing", "types", "dataclasses", "collections.abc", "__future__", "importlib", "statistics", "functools",
}  # fmt: skip
# Which folder alone may import an outside system, and which of its files.
ALONE = {
    "prefect": "flows/",
    "mlflow": "infra/ledger/",
    "boto3": "infra/storage.py",
    "botocore": "infra/storage.py",
    "great_expectations": "expectations/",
}
HEAVY = ("prefect", "mlflow", "boto3", "great_expectations", "torch", "onnxruntime", "pandas", "matplotlib", "scipy")


def imports(path: Path) -> set[str]:
    """Return every module that a file imports anywhere in it, also inside of functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def module_of(path: Path) -> str:
    """Return the dotted name of a file of the house."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES if "template" not in path.parts}


def names_imported(path: Path) -> set[str]:
    """Return the modules of a file's imports, anywhere in it, and each `module.name` that is imported from one."""
    found = imports(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def room_of(module: str) -> str | None:
    """Return the room that a module stands in: a package of tasks/, or a whole folder; None for tasks/ itself."""
    room = ".".join(module.split(".")[:2]) if module.startswith("tasks.") else module.partition(".")[0]
    return room if room in FLOOR else None


def test_no_import_climbs() -> None:
    """A room stands on the floors below it: none imports from its own floor's other rooms, or from above."""
    for module, path in MODULES.items():
        room = room_of(module)
        if room is None:
            continue
        for name in names_imported(path):
            other = room_of(name)
            if other is not None and other != room:
                assert FLOOR[other] < FLOOR[room], f"{module} ({room}) imports {name}"


def test_every_folder_of_tasks_is_a_room_on_a_floor() -> None:
    """A new folder of tasks/ says where it stands before anything can lean on it, and no file stands loose."""
    tasks = ROOT / "tasks"
    assert {f"tasks.{path.parent.name}" for path in tasks.glob("*/__init__.py")} == {
        room for room in FLOOR if room.startswith("tasks.")
    }
    assert [path.name for path in tasks.glob("*.py")] == ["__init__.py"]


def test_what_is_measured_does_not_know_what_it_is_held_to() -> None:
    """No measuring room imports a gate or a policy."""
    for module, path in MODULES.items():
        if room_of(module) in MEASURING:
            assert not {name for name in names_imported(path) if room_of(name) in JUDGING}, module


def test_no_two_files_import_each_other_in_a_circle() -> None:
    """Files can be read from the ground up, each after all that it imports."""
    left = {
        module: {
            name
            for name in names_imported(path)
            if name in MODULES and name != module and not module.startswith(f"{name}.")
        }
        for module, path in MODULES.items()
    }
    while free := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}


def test_each_outside_system_is_known_to_one_place() -> None:
    """Prefect, MLflow, S3 and Great Expectations are each imported in one place alone."""
    for library, place in ALONE.items():
        importers = {
            path.relative_to(ROOT).as_posix()
            for path in FILES
            if library in {name.partition(".")[0] for name in imports(path)}
        }
        assert importers, library
        assert all(importer.startswith(place) for importer in importers), (library, importers)


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


def test_importing_a_stage_loads_nothing_heavy() -> None:
    """All of tasks/, the command and the ledger load none of the heavy libraries: they come where they are used."""
    light = [module for module in MODULES if module.startswith("tasks")]
    light += ["expectations.validate", "infra.ledger.mlflow_ledger", "flows.cli"]
    code = f"""
import importlib, sys
for module in {light!r}:
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
