"""Sentiment of a text from its words and word pairs: hashed, embedded, averaged, and judged by a small net."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

    import torch

LABELS = np.array(["negative", "positive"])
BUCKETS = 2**16  # bucket 0 is padding
WIDTH = 32
INITIAL_SCALE = 0.05  # of the embeddings: with larger ones the net learns its few rows by heart
MAX_WORDS = 256  # of a longer text, the first ones
MAX_CHARACTERS = 10_000  # looked at, so that one huge text cannot stall a batch
WORD = re.compile(r"\w+|[^\w\s]")


def build(checkpoint: Path) -> torch.nn.Module:
    """Return the trained net: ngrams [batch, length] int64 in, one tensor of logits [batch, 2] out."""
    from safetensors.torch import load_file

    net = untrained()
    net.load_state_dict(load_file(checkpoint))
    return net.eval()


def untrained() -> torch.nn.Module:
    """Return the net as it is before training; torch's seed decides its weights."""
    import torch
    from torch import nn

    class BigramNet(nn.Module):
        """The mean of the n-grams' embeddings, then one hidden layer."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(BUCKETS, WIDTH)
            nn.init.normal_(self.embedding.weight, std=INITIAL_SCALE)
            self.hidden = nn.Linear(WIDTH, WIDTH)
            self.head = nn.Linear(WIDTH, len(LABELS))

        def forward(self, ngrams: torch.Tensor) -> torch.Tensor:
            present = (ngrams != 0).unsqueeze(-1).to(self.embedding.weight.dtype)
            mean = (self.embedding(ngrams) * present).sum(1) / present.sum(1).clamp(min=1)
            logits: torch.Tensor = self.head(torch.relu(self.hidden(mean)))
            return logits

    return BigramNet()


def encode(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return `ngrams` [rows, longest] int64: the bucket of each word and each word pair, padded with 0."""
    buckets = [_buckets(text if isinstance(text, str) else "") for text in rows["text"]]  # a missing one is empty
    ngrams = np.zeros((len(buckets), max(map(len, buckets))), dtype=np.int64)
    for row, found in zip(ngrams, buckets, strict=True):
        row[: len(found)] = found
    return {"ngrams": ngrams}


def decode(outputs: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return `prediction` (negative or positive) and `confidence` (the softmax probability of it), one row an input."""
    (logits,) = outputs.values()
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    return pd.DataFrame({"prediction": LABELS[probability.argmax(axis=1)], "confidence": probability.max(axis=1)})


def _buckets(text: str) -> list[int]:
    """Return the buckets of a text's n-grams; even an empty text has one, the pair of its two ends."""
    words = WORD.findall(text[:MAX_CHARACTERS].casefold())[:MAX_WORDS]
    ends = ["<s>", *words, "</s>"]
    ngrams = words + [f"{left} {right}" for left, right in pairwise(ends)]
    return [1 + crc32(ngram.encode("utf-8", "surrogatepass")) % (BUCKETS - 1) for ngram in ngrams]
