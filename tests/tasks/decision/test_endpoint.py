"""The verdict on an endpoint under load."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from rich.console import Console
from support.endpoint_runs import LONG_MS, opening
from support.faulty_server import Server, running

from tasks.decision.endpoint import judge_load
from tasks.decision.policy import load_policy
from tasks.evidence import PoissonArrivals
from tasks.performance.endpoint.measure import measure_endpoint
from tasks.report.terminal_endpoint import print_probe

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.verdicts import GateLimits
    from tasks.decision.policy import Policy

pytestmark = pytest.mark.process

LONG = dict.fromkeys(("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms"), LONG_MS) | {"hard_limit_ms": 2 * LONG_MS}


def policy_with(limits: GateLimits) -> Policy:
    """Return the policy `selftest` with another latency budget."""
    policy = load_policy("selftest")
    return policy.model_copy(update={"gates": policy.gates.model_copy(update={"latency_slo": limits})})


def test_lost_requests_are_over_every_percentile(tmp_path: Path) -> None:
    """One request in ten that fails leaves no 95th percentile, nor one above it, which one look tells; the 50th has one."""
    with running(Server(lambda row: "500" if row >= 90 else "answer")) as url:
        limits = load_policy("selftest").limits()["latency-slo"].model_copy(update=LONG)
        found = measure_endpoint(opening(tmp_path, url), PoissonArrivals(), 200, 2, limits.under_load, 0.95, 1)
    told = judge_load(found, policy_with(limits))
    assert len(found.runs) == 1
    assert found.lost == told.calls.errors == np.isinf(found.responses).sum() > 0
    assert told.answered + told.calls.errors == told.requests
    by_name = {each.q: each for each in told.percentiles}
    assert (by_name[0.95].ms, by_name[0.99].ms, by_name[1].ms) == (None, None, None)
    assert by_name[0.5].ms is not None
    assert told.result.outcome == "fail"
    assert re.search(rf"\b{found.lost:,} got no answer, more than p9[59] leaves", told.result.because)
    assert "let more replicas share the load" in told.result.because
    print_probe(told, Console(file=(said := StringIO()), width=120))
    assert f"{told.answered:,} answered, {found.lost:,} not" in said.getvalue()
    assert f"{found.lost:,} an HTTP status that is not 2xx (500: {found.lost:,})" in said.getvalue()
    assert "one said: 500 out of memory" in said.getvalue()
    assert "p95           no answer" in said.getvalue()
