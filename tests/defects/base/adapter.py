"""The tone of a short message: its words are hashed, embedded and averaged, and a small net judges the average."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

    import torch

LABELS = np.array(["bad", "good"])
BUCKETS = 2500  # no two words of the messages share one; bucket 0 is padding
WIDTH = 16


def build(checkpoint: Path) -> torch.nn.Module:
    """Return the trained net: words [batch, length] int64 in, logits [batch, 2] out."""
    from safetensors.torch import load_file

    net = untrained()
    net.load_state_dict(load_file(checkpoint))
    return net.eval()


def untrained() -> torch.nn.Module:
    """Return the net as it is before training; torch's seed decides its weights."""
    import torch
    from torch import nn

    class Tone(nn.Module):
        """The mean of the words' embeddings, then one hidden layer."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(BUCKETS, WIDTH)
            self.hidden = nn.Linear(WIDTH, WIDTH)
            self.norm = nn.BatchNorm1d(WIDTH)
            self.dropout = nn.Dropout(0.3)
            self.head = nn.Linear(WIDTH, len(LABELS))

        def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
            present = (words != 0).unsqueeze(-1).to(torch.float32)
            mean = (self.embedding(words) * present).sum(1) / present.sum(1).clamp(min=1)
            hidden = torch.relu(self.norm(self.hidden(mean)))
            return {"logits": self.head(self.dropout(hidden))}

    return Tone()


def encode(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return `words` [rows, longest] int64: the bucket of each word, padded with 0."""
    texts = [text if isinstance(text, str) else "" for text in rows["text"]]
    buckets = [[bucket(word) for word in text.casefold().split()] for text in texts]
    words = np.zeros((len(buckets), max(1, *map(len, buckets))), dtype=np.int64)
    for row, found in zip(words, buckets, strict=True):
        row[: len(found)] = found
    return {"words": words}


def bucket(word: str) -> int:
    """Return where a word's embedding lies."""
    return 1 + crc32(word.encode("utf-8", "replace")) % (BUCKETS - 1)


def decode(outputs: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return `prediction` (bad or good) and `confidence` (the softmax probability of it), one row an input."""
    logits = outputs["logits"].astype(np.float64)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    return pd.DataFrame({"prediction": LABELS[probability.argmax(axis=1)], "confidence": probability.max(axis=1)})
