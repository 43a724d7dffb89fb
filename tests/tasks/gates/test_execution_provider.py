"""The gate of the execution provider: the session and its nodes run where the target says."""

from __future__ import annotations

from typing import Any

import pytest
from support.gate_evidence import CPU, CUDA, provider, variant
from support.gate_limits import check, judge


def test_cuda_asked_for_where_there_is_none_fails() -> None:
    """A session that fell back to the CPU fails, whatever its nodes did."""
    result = judge("execution-provider", variant(provider=provider(CUDA, CPU)))
    assert result.outcome == "fail"
    assert "runs on CPUExecutionProvider, not on CUDAExecutionProvider" in result.because


def test_nodes_that_only_the_cpu_has_fail() -> None:
    """Half of the nodes elsewhere is a fallback, though the session's own provider is right."""
    found = provider(CUDA, CUDA, nodes={CUDA: 20, CPU: 20}, node_seconds={CUDA: 0.99, CPU: 0.01})
    result = judge("execution-provider", variant(provider=found))
    assert (result.outcome, result.observed, result.limit) == ("fail", 0.5, 0.1)


def test_a_slow_node_elsewhere_fails_by_its_time() -> None:
    """One node in 100 on the CPU that takes a third of the time fails."""
    found = provider(CUDA, CUDA, nodes={CUDA: 99, CPU: 1}, node_seconds={CUDA: 0.2, CPU: 0.1})
    result = judge("execution-provider", variant(provider=found))
    assert (result.outcome, check(result, "nodes").outcome, check(result, "time").outcome) == ("fail", "pass", "fail")


@pytest.mark.parametrize("changes", [{"nodes": {}}, {"node_seconds": {}}, {"node_seconds": {CPU: 0.0}}])
def test_an_empty_profile_is_unmeasured(changes: dict[str, Any]) -> None:
    """A provider that is not shown by its nodes is not shown."""
    assert judge("execution-provider", variant(provider=provider(**changes))).outcome == "unmeasured"
