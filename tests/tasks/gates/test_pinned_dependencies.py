"""The gate of dependencies: everything that is imported is locked and installed as locked."""

from __future__ import annotations

from typing import Any

import pytest
from support.gate_evidence import dependencies, launch
from support.gate_limits import judge


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"not_exact": ("numpy>=2",)}, "numpy>=2"),
        ({"not_locked": ("leftpad",)}, "leftpad"),
        ({"drifted": ("numpy 2.0.0 (locked: ==2.4.6)",)}, "numpy 2.0.0"),
    ],
)
def test_a_loose_or_drifted_dependency_fails_by_name(changes: dict[str, Any], name: str) -> None:
    """A range, a distribution outside the lock, and one in another version each reject."""
    result = judge("pinned-dependencies", launch(dependencies=dependencies(**changes)))
    assert (result.outcome, result.observed) == ("fail", 1)
    assert name in result.because


def test_five_names_are_shown() -> None:
    """A long list is cut, its count is not."""
    names = tuple(f"package{index}" for index in range(9))
    result = judge("pinned-dependencies", launch(dependencies=dependencies(not_exact=names)))
    assert result.observed == 9
    assert "package4, …" in result.because
    assert "package5" not in result.because


def test_no_lock_fails() -> None:
    """Without a lock nothing is pinned."""
    result = judge("pinned-dependencies", launch(dependencies=dependencies(lock_sha256=None)))
    assert (result.outcome, "locks/cpu.txt" in result.because) == ("fail", True)


def test_no_imports_seen_is_unmeasured() -> None:
    """A serving path that imports nothing was not looked at."""
    assert judge("pinned-dependencies", launch(dependencies=dependencies(imported={}))).outcome == "unmeasured"
