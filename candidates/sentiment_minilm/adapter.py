"""Sentiment of a text from MiniLM: its token vectors averaged, and judged by a linear head."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

LABELS = np.array(["negative", "positive"])
CHECKPOINT = Path(__file__).resolve().parent / "build" / "checkpoint"
# of a longer text, the first ones: 1 request in 15 is longer, and every neighbour in its batch would be padded to it
MAX_TOKENS = 40
MAX_CHARACTERS = 10_000  # looked at, so that one huge text cannot stall a batch


def build(checkpoint: Path) -> torch.nn.Module:
    """Return the trained net: input_ids and attention_mask [batch, tokens] int64 in, {"logits": [batch, 2]} out."""
    from safetensors.torch import load_file

    net = untrained(checkpoint / "config.json")
    net.load_state_dict(load_file(checkpoint / "model.safetensors"))
    return net.eval()


def untrained(config: Path) -> torch.nn.Module:
    """Return the net of a transformer's config.json, with the weights that torch's seed gives it."""
    from torch import nn
    from transformers import BertConfig, BertModel

    class MiniLMSentiment(nn.Module):
        """The encoder, the mean over the tokens that are not padding, and the head."""

        def __init__(self) -> None:
            super().__init__()
            bert = BertConfig.from_json_file(config)
            self.encoder = BertModel(bert, add_pooling_layer=False)
            self.head = nn.Linear(bert.hidden_size, len(LABELS))

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
            vectors = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            return {"logits": self.head(average(vectors, attention_mask))}

    return MiniLMSentiment()


def average(vectors: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the mean [batch, hidden] of the token vectors [batch, tokens, hidden] that are not padding."""
    present = attention_mask.unsqueeze(-1).to(vectors.dtype)
    return (vectors * present).sum(1) / present.sum(1)


def encode(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return `input_ids` and `attention_mask` [rows, longest] int64; every text has at least its two end tokens."""
    # the tokenizer takes UTF-8 only: half of a surrogate pair, which JSON can carry, becomes a question mark
    given = (text if isinstance(text, str) else "" for text in rows["text"])  # a missing text is an empty one
    texts = [text[:MAX_CHARACTERS].encode("utf-8", "replace").decode() for text in given]
    encodings = _tokenizer().encode_batch_fast(texts)
    return {
        "input_ids": np.array([encoding.ids for encoding in encodings], dtype=np.int64),
        "attention_mask": np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64),
    }


def decode(outputs: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return `prediction` (negative or positive) and `confidence` (the softmax probability of it), one row an input."""
    (logits,) = outputs.values()
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    return pd.DataFrame({"prediction": LABELS[probability.argmax(axis=1)], "confidence": probability.max(axis=1)})


@cache
def _tokenizer() -> Tokenizer:
    """Return the checkpoint's tokenizer, read at the first use: a process that serves never calls build."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    return tokenizer
