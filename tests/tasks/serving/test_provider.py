"""The proof of where the nodes of a session ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.serving.provider import prove_provider

if TYPE_CHECKING:
    from tasks.core.records import Serving
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process


def test_every_node_is_counted_where_it_ran(served: Serving, sets: DataSets) -> None:
    """On a CPU all nodes run on the CPU's provider, and their time is counted."""
    found = prove_provider(served, sets.production)
    assert found.session_provider == found.wanted_provider == "CPUExecutionProvider"
    assert list(found.nodes) == ["CPUExecutionProvider"]
    assert found.nodes["CPUExecutionProvider"] >= 3
    assert found.node_seconds["CPUExecutionProvider"] > 0


def test_a_fall_back_to_the_cpu_is_in_the_evidence(served: Serving, sets: DataSets) -> None:
    """The proof itself runs where the session does, and says what was asked."""
    found = prove_provider(served.model_copy(update={"target": "cuda"}), sets.production)
    assert (found.asked, found.wanted_provider) == ("cuda", "CUDAExecutionProvider")
    if found.session_provider == "CPUExecutionProvider":
        assert list(found.nodes) == ["CPUExecutionProvider"]
