"""Pronunciation of an English word: a GRU reads its letters, another one writes its phonemes until it says it ends.

The net and its greedy search are those of g2p-en (K. Park and J. Kim, g2pE: A Simple Python Module for English Grapheme
To Phoneme Conversion, 2019), in two graphs: `encoder` reads a word, `step` writes one phoneme.
"""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    Arrays = dict[str, np.ndarray]

CHECKPOINT = Path(__file__).resolve().parent / "build" / "checkpoint"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
KNOWN = frozenset(LETTERS + "'.-")  # these marks are read as unknown letters, others are left out
UNKNOWN_LETTER, END_OF_WORD, FIRST_LETTER = 1, 2, 3  # 0 is padding
START, END = 2, 3  # of the phonemes; 0 and 1 are padding and unknown
MOST_CHARACTERS = 40  # of a longer word, the first ones; the longest of a dictionary has 34
MOST_STEPS = 20  # phonemes of an answer; one that has not ended by then is cut there
WIDTH = 256


def build(checkpoint: Path) -> dict[str, torch.nn.Module]:
    """Return the trained graphs.

    encoder: characters [batch, length] and lengths [batch] int64 in, {"state": [batch, 256]} out.
    step: token [batch] int64 and state [batch, 256] in, {"log_probabilities": [batch, 74], "next_state": [batch, 256]}
    out.
    """
    from safetensors.torch import load_file
    from torch import nn

    class Encoder(nn.Module):
        """The state after a word's last character; what pads it comes later, and so does not count."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(FIRST_LETTER + len(LETTERS), WIDTH)
            self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)

        def forward(self, characters: torch.Tensor, lengths: torch.Tensor) -> dict[str, torch.Tensor]:
            states, _ = self.gru(self.embedding(characters))
            last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, WIDTH)
            return {"state": states.gather(1, last).squeeze(1)}

    class Step(nn.Module):
        """One phoneme further: from the last phoneme and the state to what comes next, and the state then."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(len(_phonemes()), WIDTH)
            self.cell = nn.GRUCell(WIDTH, WIDTH)
            self.head = nn.Linear(WIDTH, len(_phonemes()))

        def forward(self, token: torch.Tensor, state: torch.Tensor) -> dict[str, torch.Tensor]:
            next_state = self.cell(self.embedding(token), state)
            return {"log_probabilities": self.head(next_state).log_softmax(-1), "next_state": next_state}

    graphs = nn.ModuleDict({"encoder": Encoder(), "step": Step()})
    graphs.load_state_dict(load_file(checkpoint / "model.safetensors"))
    return dict(graphs.eval().items())


def encode(rows: pd.DataFrame) -> Arrays:
    """Return `characters` [rows, longest] int64, each word with its end and padded with 0, and `lengths` [rows] int64.

    A word without a letter, or none at all, is its end alone: length 1.
    """
    codes = [_codes(word if isinstance(word, str) else "") for word in rows["word"]]
    lengths = np.array([len(code) for code in codes], dtype=np.int64)
    characters = np.zeros((len(codes), lengths.max()), dtype=np.int64)
    for row, code in zip(characters, codes, strict=True):
        row[: len(code)] = code
    return {"characters": characters, "lengths": lengths}


def infer(run: Callable[[str, Arrays], Arrays], batch: Arrays) -> Arrays:
    """Return the likeliest phoneme of each step, until every row has ended or the most steps are taken.

    `tokens` [rows, 20] int64 is END from a row's end on, and from the start for a word without a letter;
    `log_probability` [rows] float64 is that of all steps up to the end.
    """
    state = run("encoder", batch)["state"]
    rows = len(state)
    tokens = np.full((rows, MOST_STEPS), END, dtype=np.int64)
    log_probability = np.zeros(rows)
    last = np.full(rows, START, dtype=np.int64)
    going = batch["lengths"] > 1
    for place in range(MOST_STEPS):
        if not going.any():
            break
        outputs = run("step", {"token": last, "state": state})
        state, found = outputs["next_state"], outputs["log_probabilities"]
        last = np.where(going, found.argmax(axis=1), END)
        log_probability += np.where(going, found[np.arange(rows), last], 0.0)
        tokens[:, place] = last
        going &= last != END
    return {"tokens": tokens, "log_probability": log_probability}


def decode(outputs: Arrays) -> pd.DataFrame:
    """Return one row an input: `prediction` (phonemes with a blank between) and `confidence` (that all of it is right).

    The confidence is the net's own probability of the whole answer. An answer without a phoneme is an abstention: None,
    with a confidence of NaN.
    """
    symbols = np.array(_phonemes())
    ended = outputs["tokens"] == END
    lengths = np.where(ended.any(axis=1), ended.argmax(axis=1), MOST_STEPS)
    answers = zip(symbols[outputs["tokens"]], lengths, strict=True)
    predictions = [" ".join(answer[:length]) or None for answer, length in answers]
    confidence = np.where(lengths > 0, np.exp(outputs["log_probability"]).clip(max=1.0), np.nan)
    return pd.DataFrame({"prediction": pd.Series(predictions, dtype="object"), "confidence": confidence})


def _codes(word: str) -> list[int]:
    """Return a word's characters as numbers, without accents and case, and its end."""
    plain = unicodedata.normalize("NFD", word[:MOST_CHARACTERS]).lower()
    kept = [character for character in plain if character in KNOWN][:MOST_CHARACTERS]
    codes = [FIRST_LETTER + LETTERS.index(c) if c in LETTERS else UNKNOWN_LETTER for c in kept]
    return [*codes, END_OF_WORD] if max(codes, default=0) >= FIRST_LETTER else [END_OF_WORD]


@cache
def _phonemes() -> list[str]:
    """Return the checkpoint's phonemes in the order of their tokens, read at the first use."""
    phonemes: list[str] = json.loads((CHECKPOINT / "phonemes.json").read_text(encoding="utf-8"))
    return phonemes
