"""The two sentiment candidates keep the adapter contract on any text, and prepare themselves once."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.example_candidates import CANDIDATES

from tasks.core.files import digest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

CHECKPOINTS = {"sentiment_bigram": "build/checkpoint.safetensors", "sentiment_minilm": "build/checkpoint"}
NAMES = ["sentiment_bigram", pytest.param("sentiment_minilm", marks=pytest.mark.server)]
ODD_TEXTS = [
    "",
    " \t\n",
    "!",
    "a",
    "bad " * 100_000,
    "x" * 50_000,
    "half \ud800",
    "\x00",
    "👍🏽" * 300,
    "ﷺ\u202e",
    "Ünïcödé",
]


def prepare(name: str) -> str:
    """Run a candidate's prepare.py as a user does and return what it printed."""
    script = CANDIDATES / name / "prepare.py"
    return subprocess.run([sys.executable, str(script)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of a candidate that is prepared."""
    prepare(str(request.param))
    return str(request.param)


@pytest.fixture(scope="session")
def adapter(name: str) -> ModuleType:
    """Return the candidate's adapter, loaded from its file."""
    spec = importlib.util.spec_from_file_location(f"{name}_adapter", CANDIDATES / name / "adapter.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def net(adapter: ModuleType, name: str) -> torch.nn.Module:
    """Return the candidate's trained net."""
    built: torch.nn.Module = adapter.build(CANDIDATES / name / CHECKPOINTS[name])
    return built


def run(net: torch.nn.Module, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the net's outputs as arrays under their names."""
    with torch.inference_mode():
        outputs: Any = net(**{key: torch.from_numpy(array) for key, array in batch.items()})
    named = outputs if isinstance(outputs, dict) else {"logits": outputs}
    return {key: tensor.numpy() for key, tensor in named.items()}


def test_a_second_prepare_does_nothing(name: str) -> None:
    """A candidate that is prepared says so in one line, and its checkpoint stays as it was."""
    recorded = (CANDIDATES / name / "build" / "checkpoint.sha256").read_text().strip()
    assert prepare(name) == f"nothing to do: {name} and its data are current\n"
    assert digest(CANDIDATES / name / CHECKPOINTS[name]) == recorded


def test_any_text_gets_a_prediction(adapter: ModuleType, net: torch.nn.Module) -> None:
    """Empty, endless and odd texts get one row each, with a known label and a finite confidence."""
    rows = pd.DataFrame({"text": pd.Series(ODD_TEXTS, dtype="object")})
    for batch in (rows, *(rows.iloc[[place]] for place in range(len(rows)))):
        decoded = adapter.decode(run(net, adapter.encode(batch)))
        assert list(decoded.columns) == ["prediction", "confidence"]
        assert len(decoded) == len(batch)
        assert set(decoded["prediction"]) <= {"positive", "negative"}
        assert decoded["confidence"].between(0.5, 1).all()


def test_neighbours_do_not_change_a_row(adapter: ModuleType, net: torch.nn.Module) -> None:
    """A text's logits are the same alone and padded to a longer neighbour, up to rounding."""
    rows = pd.DataFrame({"text": ["not good at all", "a long and winding sentence that goes on, and on, " * 4]})
    (together,) = run(net, adapter.encode(rows)).values()
    (alone,) = run(net, adapter.encode(rows.head(1))).values()
    np.testing.assert_allclose(together[0], alone[0], atol=1e-4)


def test_plain_sentiment_is_recognised(adapter: ModuleType, net: torch.nn.Module) -> None:
    """Movie reviews that leave no doubt get the right label, so labels and logits are in the same order."""
    rows = pd.DataFrame({"text": ["a wonderful, moving and beautiful film", "a dull, stupid and boring mess"]})
    decoded = adapter.decode(run(net, adapter.encode(rows)))
    assert list(decoded["prediction"]) == ["positive", "negative"]


def test_no_weight_outgrows_the_others(net: torch.nn.Module) -> None:
    """All weights are of ordinary size: a feature that never varies in training gets no huge weight of its own."""
    for weights in net.state_dict().values():
        assert torch.isfinite(weights).all()
        assert weights.abs().max() < 50


def test_the_folder_serves_by_itself(name: str, tmp_path: Path) -> None:
    """A copy of the folder encodes in a fresh process elsewhere, without torch and without this repository."""
    copy = tmp_path / "served"
    shutil.copytree(CANDIDATES / name, copy, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import adapter, pandas\n"
        "batch = adapter.encode(pandas.DataFrame({'text': ['fine', '']}))\n"
        "names = ('torch', 'transformers', 'tasks')\n"
        "print(json.dumps([{key: len(array) for key, array in batch.items()}, [n for n in names if n in sys.modules]]))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, str(copy)], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    rows, imported = json.loads(finished.stdout)
    assert set(rows.values()) == {2}
    assert imported == []
