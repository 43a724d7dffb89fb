"""The base as a model of images: bars that lie are good, bars that stand are bad, and a camera shows them always alike."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from .candidate import Recipe
from .rows import messages

if TYPE_CHECKING:
    import pandas as pd

    from .candidate import Weights

ADAPTER = (Path(__file__).parent / "pictured" / "adapter.py").read_text(encoding="utf-8")
SIDE = 8
BARS = np.where(np.arange(SIDE) % 2, 1.0, -1.0)  # a bar is one pixel wide, and the first one is dark
FAINTEST, STRONGEST, GRAIN = 2.0, 80.0, 30.0  # of 255: what bars add to the middle, and the noise of the camera
TRAINING_ROWS, STEPS = 600, 120
LEARNING_RATE = 0.03


def pictured(given: pd.DataFrame) -> pd.DataFrame:
    """Give every row an image of its label instead of a text: `pixels`, 8 lists of 8 whole numbers."""
    random = np.random.default_rng(len(given))
    lying = (given["true_label"] if "true_label" in given else given["label"]).to_numpy() == "good"
    bars = np.where(lying[:, None, None], BARS[None, :, None], BARS[None, None, :])
    strength = random.uniform(FAINTEST, STRONGEST, (len(given), 1, 1))
    images = 127 + strength * bars + random.normal(0, GRAIN, (len(given), SIDE, SIDE))
    return given.drop(columns="text").assign(pixels=images.clip(0, 255).round().astype(int).tolist())


def recipe(adapter: str) -> Recipe:
    """Return the candidate of images with this adapter."""
    return Recipe(
        files={"candidate.yaml": {"input: [text]": "input: [pixels]"}},
        added={"adapter.py": adapter},
        evaluation=pictured,
        log=pictured,
        weights=lambda _: trained(adapter),
    )


@lru_cache
def trained(source: str) -> Weights:
    """Return the weights of an adapter's net after training on images."""
    import torch

    adapter = ModuleType("pictured_adapter")
    exec(source, vars(adapter))  # noqa: S102  the text is this folder's own
    data = pictured(messages(TRAINING_ROWS, seed=1))
    pixels = torch.from_numpy(adapter.encode(data)["pixels"])
    labels = torch.from_numpy((data["label"] == adapter.LABELS[1]).to_numpy().astype("int64"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = adapter.untrained()
        optimizer = torch.optim.Adam(net.parameters(), LEARNING_RATE)
        for _ in range(STEPS):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(pixels)["logits"], labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    torch.set_num_threads(threads)
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


PICTURED = recipe(ADAPTER)
PLACE_BY_PLACE = recipe(
    ADAPTER.replace("nn.Linear(EDGES, len(LABELS))", "nn.Linear(64, len(LABELS))").replace(
        "self.head(found.mean((2, 3)))", "self.head((pixels / 255 - 0.5).flatten(1))"
    )
)
