"""The direction of the bars in a small image: a layer of edges, how strong each is over the whole image, and a head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

    import torch

LABELS = np.array(["bad", "good"])
EDGES = 8


def build(checkpoint: Path) -> torch.nn.Module:
    """Return the trained net: pixels [batch, 8, 8] float32 from 0 to 255 in, logits [batch, 2] out."""
    from safetensors.torch import load_file

    net = untrained()
    net.load_state_dict(load_file(checkpoint))
    return net.eval()


def untrained() -> torch.nn.Module:
    """Return the net as it is before training; torch's seed decides its weights."""
    import torch
    from torch import nn

    class Bars(nn.Module):
        """Edges wherever they are, so that it does not matter where the bars begin."""

        def __init__(self) -> None:
            super().__init__()
            self.edges = nn.Conv2d(1, EDGES, 3)
            self.head = nn.Linear(EDGES, len(LABELS))

        def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
            found = torch.relu(self.edges((pixels / 255 - 0.5).unsqueeze(1)))
            return {"logits": self.head(found.mean((2, 3)))}

    return Bars()


def encode(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return `pixels` [rows, 8, 8] float32, from 0 to 255."""
    images = [[list(line) for line in image] for image in rows["pixels"]]
    return {"pixels": np.array(images, dtype=np.float32)}


def decode(outputs: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return `prediction` (bad or good) and `confidence` (the softmax probability of it), one row an input."""
    logits = outputs["logits"].astype(np.float64)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    return pd.DataFrame({"prediction": LABELS[probability.argmax(axis=1)], "confidence": probability.max(axis=1)})
