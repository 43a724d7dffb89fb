"""Writes a planted failure, or a clean candidate, as a real candidate folder: the base with one change."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tasks.core.files import digest

from . import rows

if TYPE_CHECKING:
    import torch

BASE = Path(__file__).parent / "base"
TRAINING_ROWS, EVALUATION_ROWS, CALIBRATION_ROWS, REQUESTS = 1500, 600, 200, 3000
STEPS = 60
LEARNING_RATE = 0.02

Rows = Callable[[pd.DataFrame], pd.DataFrame]
Weights = dict[str, "torch.Tensor"]


def as_they_are(given: Any) -> Any:
    """Change nothing."""
    return given


@dataclass(frozen=True)
class Recipe:
    """What a candidate is made with; the defaults make the clean base.

    `files` maps a file's name to the texts to replace in it, each of which must occur exactly once; `added` holds
    whole files; `training`, `evaluation` and `log` change the rows, `weights` the trained ones.
    """

    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    training: Rows = as_they_are
    evaluation: Rows = as_they_are
    log: Rows = as_they_are
    weights: Callable[[Weights], Weights] = as_they_are
    seed: int = 0


def write_candidate(recipe: Recipe, name: str, folder: Path) -> Path:
    """Write the candidate that `recipe` makes into `folder`, under the model name `name`, and return the folder."""
    from safetensors.torch import save_file

    shutil.copytree(BASE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    _replace(folder / "candidate.yaml", {"name: tone\n": f"name: {name}\n"})
    for file, changes in recipe.files.items():
        _replace(folder / file, changes)
    for file, text in recipe.added.items():
        (folder / file).write_text(text, encoding="utf-8")
    recipe.evaluation(rows.messages(EVALUATION_ROWS, seed=2)).to_parquet(folder / "evaluation.parquet", index=False)
    recipe.evaluation(rows.messages(CALIBRATION_ROWS, seed=3)).to_parquet(folder / "calibration.parquet", index=False)
    rows.write_log(recipe.log(rows.requests(REQUESTS, seed=4)), folder / "log")
    checkpoint = folder / "checkpoint.safetensors"
    save_file(recipe.weights(dict(trained(recipe.training, recipe.seed))), checkpoint)
    (folder / "checkpoint.sha256").write_text(f"{digest(checkpoint)}\n")
    return folder


@lru_cache
def trained(training: Rows, seed: int) -> Weights:
    """Return the base net's weights after training on `training`'s rows; equal arguments give equal weights."""
    import torch

    adapter = base_adapter()
    data = training(rows.messages(TRAINING_ROWS, seed=1))
    words = torch.from_numpy(adapter.encode(data)["words"])
    labels = torch.from_numpy((data["label"] == adapter.LABELS[1]).to_numpy().astype("int64"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = adapter.untrained()
        optimizer = torch.optim.Adam(net.parameters(), LEARNING_RATE)
        for _ in range(STEPS):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(words)["logits"], labels).backward()
            optimizer.step()
    torch.set_num_threads(threads)
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def base_adapter() -> Any:
    """Return the base adapter as a module."""
    spec = importlib.util.spec_from_file_location("planted_base_adapter", BASE / "adapter.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{BASE / 'adapter.py'} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _replace(path: Path, changes: Mapping[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        if text.count(old) != 1:
            raise ValueError(f"{path.name} has {text.count(old)} times {old!r}, not once; mend the planted change")
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
