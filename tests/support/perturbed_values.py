"""A text, and values changed in one named way."""

from __future__ import annotations

from typing import Any

from tasks.evaluation.robustness.columns import Column, Draw
from tasks.evaluation.robustness.perturbations import KINDS

TEXT = "The staff were really friendly, and helped us at once"
PROSE = Column("text", "prose")
NAMED = {kind.name: kind for kind in KINDS}


def changed(kind: str, value: Any, column: Column = PROSE) -> Any:
    """Return a value changed in one way."""
    return NAMED[kind].change(value, Draw(3), column)
