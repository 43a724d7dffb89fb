"""What each gate says of itself, read from its source: running all gates takes longer than a list may."""

from __future__ import annotations

import ast
import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import tasks

FOLDER = Path(tasks.__file__).parent / "gates"
SAID = ("NAME", "DECIDES", "NEEDS", "CHECKLIST", "SCOPE")


class ListedGate(NamedTuple):
    """A gate as `launchgate gates` lists it, under the keys of its JSON."""

    gate: str
    decides: str
    needs: str
    checklist: str
    scope: str


def list_gates() -> list[ListedGate]:
    """Return every gate in the order in which they judge."""
    modules = _constants(FOLDER / "__init__.py")["GATE_MODULES"]
    found = (_constants(FOLDER / f"{module}.py") for module in modules)
    return [ListedGate(*(said[name] for name in SAID)) for said in found]


def _constants(file: Path) -> dict[str, Any]:
    """Return the literals that a file gives names to at its top."""
    constants = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        named = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(named, ast.Name) and isinstance(value, ast.expr):
            with contextlib.suppress(ValueError):  # no literal, so none of what a gate says of itself
                constants[named.id] = ast.literal_eval(value)
    return constants
