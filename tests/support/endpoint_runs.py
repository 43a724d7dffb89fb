"""How an endpoint is opened for a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tasks.evidence import Endpoint
from tasks.performance.endpoint.run import EndpointOpening

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 100
LONG_MS = 100_000.0  # no machine that runs tests is too late to tell


def opening(folder: Path, url: str, **changes: object) -> EndpointOpening:
    """Return an endpoint with a request for each of ROWS rows."""
    bodies = folder / "bodies.jsonl"
    bodies.write_text(
        "".join(json.dumps({"dataframe_split": {"columns": ["n"], "data": [[n]]}}) + "\n" for n in range(ROWS))
    )
    endpoint = Endpoint(url=url, protocol="mlflow", inputs="columns")
    return EndpointOpening.model_validate(
        {"endpoint": endpoint, "bodies": bodies, "out": folder / "probes" / "one", "timeout_seconds": 20} | changes
    )
