"""What a latency request may hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.performance.latency.request import Encoded, LatencyRequest

if TYPE_CHECKING:
    from tasks.core.records import Serving
    from tasks.data.datasets import DataSets


def test_a_request_names_rows_or_encoded_inputs(served: Serving, sets: DataSets) -> None:
    """Both, neither, or a variant without rows is a mistake."""
    parts: dict[str, Any] = {"batches": (1,), "calls": {1: 5}, "seconds": {1: 1}, "seed": 0}
    encoded = Encoded(graph=Path("model.onnx"), inputs=Path("inputs.npz"), target="cpu")
    for wrong in ({}, {"serving": served}, {"serving": served, "rows": sets.production, "encoded": encoded}):
        with pytest.raises(ValueError, match="give either serving and rows, or encoded"):
            LatencyRequest(**parts, **wrong)
