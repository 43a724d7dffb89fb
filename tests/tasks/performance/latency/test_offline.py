"""A request for a machine that has none of the candidate's libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.core.errors import StageError
from tasks.performance.latency.offline import write_request
from tasks.performance.latency.request import LatencyResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets

ROOT = Path(__file__).parents[4]
NOT_INSTALLED = (
    "pandas", "pyarrow", "scipy", "torch", "yaml", "prefect", "mlflow", "orjson", "psutil", "matplotlib", "sklearn",
    "boto3", "great_expectations", "rich", "typer", "jinja2", "phonenumbers", "stdnum", "rapidfuzz", "packaging",
    "safetensors", "onnx", "onnxscript", "py3langid",
)  # fmt: skip
ALONE = f"""
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_INSTALLED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv = ["tasks.performance.latency", *sys.argv[1:]]
runpy.run_module("tasks.performance.latency", run_name="__main__", alter_sys=True)
"""


@pytest.mark.process
def test_it_times_a_graph_without_the_candidates_libraries(
    served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """Encoded inputs, the graph and a request are enough where nothing but numpy, pydantic and onnxruntime can be imported."""
    write_request(served, sets.production, measuring, 0, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, "request.json"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = LatencyResponse.model_validate(json.loads(done.stdout))
    assert {times.batch: len(times.session) for times in found.batches} == {1: 40, 8: 20}
    assert all(seconds > 0 for times in found.batches for seconds in times.session)
    assert found.noise.control_calls > 0


@pytest.mark.process
def test_inputs_that_can_not_be_encoded_once_are_refused(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """Where a row's inputs hang on its neighbours, one encoding of it is not what is served."""
    mixed = other(('return {"words": words}', 'return {"words": words + words.max() % 2}'))
    with pytest.raises(StageError, match="gives the input words of a row other values beside other rows"):
        write_request(mixed, sets.production, measuring, 0, tmp_path / "alone")
