"""By how many minutes a flight will arrive late, told when it leaves the gate.

At that moment the departure delay is known, and it is most of the answer: the net adds what is made up or lost from
there on, by carrier, origin, destination, hour and length of the flight. The weekday would be known too and is left
out on purpose: of six or so training days for each weekday, a net learns the weather by heart.

On other days of the season it was trained on, the net is nearer than a constant in its place. In summer it is not.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import torch

CHECKPOINT = Path(__file__).resolve().parent / "build" / "checkpoint"
CODES = ("carrier", "origin", "dest")
HOURS = 24
# from lowest to highest; a number outside is a mistake of whoever sent it, and as good as none
NUMBERS = {"distance": (0, 6000), "scheduled_minutes": (0, 1000), "dep_delay": (-120, 1500)}
DEP_DELAY = list(NUMBERS).index("dep_delay")
TOLERANCE_MINUTES = 15  # the confidence is the probability that the prediction is no further off
WIDTH = 8
INITIAL_SCALE = 0.1  # of the embeddings
HIDDEN = 64
MINUTES_A_UNIT = 10  # of the net's own answer, so that its weights stay of ordinary size


def build(checkpoint: Path) -> torch.nn.Module:
    """Return the trained net: what `encode` returns in, {"minutes": [batch], "within_logit": [batch]} float32 out."""
    from safetensors.torch import load_file

    net = untrained(_codes(checkpoint))
    net.load_state_dict(load_file(checkpoint / "model.safetensors"))
    return net.eval()


def untrained(codes: dict[str, list[str]]) -> torch.nn.Module:
    """Return the net for these known codes, as it is before training; torch's seed decides its weights."""
    import torch
    from torch import nn

    class FlightNet(nn.Module):
        """One hidden layer over embeddings and standardised numbers; its answer is added to the departure delay."""

        mean: torch.Tensor
        spread: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            places = sum(1 + len(known) for known in codes.values()) + 1 + HOURS
            self.embedding = nn.Embedding(places, WIDTH)
            nn.init.normal_(self.embedding.weight, std=INITIAL_SCALE)
            self.register_buffer("mean", torch.zeros(len(NUMBERS)))
            self.register_buffer("spread", torch.ones(len(NUMBERS)))
            self.hidden = nn.Linear((len(CODES) + 1) * WIDTH + 2 * len(NUMBERS) + 1, HIDDEN)
            self.head = nn.Linear(HIDDEN, 2)

        def forward(
            self, categories: torch.Tensor, numbers: torch.Tensor, known: torch.Tensor
        ) -> dict[str, torch.Tensor]:
            dep_delay = numbers[:, DEP_DELAY]  # 0 where it is unknown
            # most delays are small: their logarithm tells them apart, beside the few of many hours
            logarithm = torch.sign(dep_delay) * torch.log1p(dep_delay.abs())
            standardised = (numbers - self.mean) / self.spread * known
            features = [self.embedding(categories).flatten(1), standardised, known, logarithm.unsqueeze(1)]
            answer = self.head(torch.relu(self.hidden(torch.cat(features, dim=1))))
            return {"minutes": dep_delay + MINUTES_A_UNIT * answer[:, 0], "within_logit": answer[:, 1]}

    return FlightNet()


def encode(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the graph's inputs; a value that is missing, of another type, out of range or never seen is unknown.

    `categories` [rows, 4] int64: the embedding's places of carrier, origin, destination and hour; `numbers` [rows, 3]
    float32: distance (miles), scheduled time from gate to gate (minutes) and departure delay (minutes), 0 where
    unknown; and `known` [rows, 3] float32: 1 where such a number is known, else 0.
    """
    places = _places()
    categories = [[of.get(_text(value), of[None]) for value in rows[name]] for name, of in places.items()]
    numbers = np.array([[_number(value, *NUMBERS[name]) for value in rows[name]] for name in NUMBERS]).T
    known = ~np.isnan(numbers)
    return {
        "categories": np.array(categories, dtype=np.int64).T,
        "numbers": np.where(known, numbers, 0).astype(np.float32),
        "known": known.astype(np.float32),
    }


def decode(outputs: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return `prediction` (minutes late, negative when early) and `confidence` (of being off by 15 minutes at most)."""
    minutes, within_logit = (output.astype(np.float64) for output in outputs.values())
    return pd.DataFrame({"prediction": minutes, "confidence": 1 / (1 + np.exp(-within_logit))})


@cache
def _places() -> dict[str, dict[str | None, int]]:
    """Return the embedding's place of each known value of a column; None stands for all others."""
    columns = {**_codes(CHECKPOINT), "hour": [str(hour) for hour in range(HOURS)]}
    places: dict[str, dict[str | None, int]] = {}
    first = 0
    for name, values in columns.items():
        places[name] = {value: first + place for place, value in enumerate([None, *values])}
        first += 1 + len(values)
    return places


def _codes(checkpoint: Path) -> dict[str, list[str]]:
    """Return the codes that the net was trained on, by column."""
    codes: dict[str, list[str]] = json.loads((checkpoint / "codes.json").read_bytes())
    return codes


def _text(value: Any) -> str | None:
    """Return a code as it is, an hour in digits, and None for what is neither."""
    if isinstance(value, str):
        return value
    hour = _number(value, 0, HOURS - 1)
    return None if np.isnan(hour) else str(int(hour))


def _number(value: Any, low: float, high: float) -> float:
    """Return a number of the range, and NaN for anything else."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return float(value) if number and low <= value <= high else np.nan
