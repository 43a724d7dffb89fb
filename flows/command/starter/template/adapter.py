"""All that launchgate knows of the model. Everything that is measured goes through encode → the exported graph → decode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

    import torch

COLUMNS = ["amount", "items", "account_age_days"]  # change: your input columns
LABELS = np.array(["fine", "fraud"])  # change: the labels as your data writes them
LARGEST = 1e9  # what is over is taken for this; change: to what your numbers can be


def untrained() -> torch.nn.Module:
    """Return the net; change: your own architecture. Its forward takes what encode returns, by name."""
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(len(COLUMNS), 16), nn.ReLU(), nn.Linear(16, len(LABELS)))

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.layers(features)
            return logits

    return Net()


def build(checkpoint: Path) -> torch.nn.Module:
    """Return the trained model in evaluation mode; it is exported as it is returned here."""
    from safetensors.torch import load_file

    net = untrained()
    net.load_state_dict(load_file(checkpoint))
    return net.eval()


def encode(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Turn rows into one padded batch: graph input name to array, one row an input. It must survive any request."""
    columns = [pd.to_numeric(rows[name], errors="coerce") for name in COLUMNS]
    numbers = np.column_stack([column.to_numpy(dtype=np.float64, na_value=np.nan) for column in columns])
    known = np.minimum(np.abs(np.nan_to_num(numbers)), LARGEST)  # a missing value, or none that is a number, is zero
    return {"features": np.log1p(known).astype(np.float32)}


def decode(outputs: dict[str, np.ndarray]) -> pd.DataFrame:
    """Turn the graph's outputs into one row an input: prediction (None to abstain) and confidence in [0, 1]."""
    (logits,) = outputs.values()
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    return pd.DataFrame({"prediction": LABELS[probability.argmax(axis=1)], "confidence": probability.max(axis=1)})
