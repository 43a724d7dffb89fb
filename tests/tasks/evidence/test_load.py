"""Records of load: what an earlier version wrote is read as it was meant."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from tasks.evidence import LoadRun, Replica

OLDER_REPLICA = {"largest_batch": 8, "longest_wait_ms": 2.0, "instances": 2, "own_sessions": False, "threads": 1}
BY_LOADGEN = {
    "engine": "mlperf-loadgen", "engine_version": "6.0.17", "arrivals": {"process": "poisson"}, "rate": 20.0, "seconds": 10.0,
    "seed": 1, "replica": OLDER_REPLICA, "requests": 200, "answered": 200, "failed": 0, "unfinished": 0,
    "lateness": {"p50_seconds": 1e-5, "p99_seconds": 1e-4, "max_seconds": 1e-3}, "answered_per_second": 20.0,
    "utilisation": 0.5, "mean_batch": 1.0,
    "raw": {"path": "variants/fp32/load-001.parquet", "sha256": "0" * 64, "rows": 200},
}  # fmt: skip


def test_a_run_that_an_earlier_version_recorded_is_read() -> None:
    """LoadGen could offer a launch's load then, and a replica said that its workers share one session."""
    found = LoadRun.model_validate_json(json.dumps(BY_LOADGEN))
    assert found.engine == "mlperf-loadgen"
    assert found.replica == Replica(largest_batch=8, longest_wait_ms=2, instances=2)
    assert LoadRun.model_validate_json(found.model_dump_json()) == found


def test_sessions_of_their_own_are_not_read_as_shared_ones() -> None:
    """No launch recorded them; a replica that had them was another one."""
    with pytest.raises(ValidationError, match="own_sessions"):
        Replica.model_validate(OLDER_REPLICA | {"own_sessions": True})
