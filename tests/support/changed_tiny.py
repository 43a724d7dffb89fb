"""The tiny candidate with another adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.tiny import ADAPTER, write_tiny

from tasks.candidate.folder import load_candidate
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Candidate


def changed(folder: Path, *changes: tuple[str, str]) -> Candidate:
    """Return the tiny candidate with texts of its adapter replaced."""
    text = ADAPTER
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_candidate(write_tiny(folder / "changed", adapter=text), RECIPES)
