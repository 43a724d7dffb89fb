"""A tiny real candidate: a few lines of torch over word ids, real files, and a log in `dt=` folders. Ready in 0.1 s.

`write_tiny(folder)` makes one that passes every gate of the policy `selftest`; each argument plants one difference.
`quick_policy(path)` is that policy with the shortest measurements, for tests of what a launch does and not of speed.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

POLICIES = Path(__file__).parents[2] / "expectations" / "policies"
AS_OF = datetime(2026, 3, 8, tzinfo=UTC)
DAYS = 2  # one day is written as Parquet, the next as JSONL.gz
PRODUCTION_ROWS = 1200
FIXED_ROWS = 400  # of the evaluation set, and of the calibration set
LABELLED = 0.9
WORDS = 48  # w0 … w47; the polarity of each is its weight
WIDTH = 8
SURENESS = 16  # the log odds of a label are so many times the mean of its words' polarities

ADAPTER = '''"""Words with a weight each: the sum's sign is the answer."""

import numpy as np
import pandas as pd

LABELS = np.array(["negative", "positive"])


def build(checkpoint):
    import torch
    from safetensors.torch import load_file

    class Net(torch.nn.Module):
        """The mean of the words' embeddings, and a linear head."""

        def __init__(self, words, width):
            super().__init__()
            self.embedding = torch.nn.Embedding(words, width, padding_idx=0)
            self.head = torch.nn.Linear(width, 2)

        def forward(self, words):
            present = (words != 0).unsqueeze(-1).to(torch.float32)
            return self.head((self.embedding(words) * present).sum(1) / present.sum(1).clamp(min=1))

    weights = load_file(checkpoint)
    net = Net(*weights["embedding.weight"].shape)
    net.load_state_dict(weights)
    return net.eval()


def encode(rows):
    texts = [text if isinstance(text, str) else "" for text in rows["text"]]
    found = [[known(word) for word in text.split()] or [0] for text in texts]
    words = np.zeros((len(found), max(map(len, found))), dtype=np.int64)
    for row, ids in zip(words, found):
        row[: len(ids)] = ids
    return {"words": words}


def known(word):
    number = word[1:]
    return 1 + int(number) if number.isdecimal() and len(number) < 3 and int(number) < 48 else 0


def decode(outputs):
    (logits,) = outputs.values()
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    chance = shifted / shifted.sum(axis=1, keepdims=True)
    return pd.DataFrame({"prediction": LABELS[chance.argmax(axis=1)], "confidence": chance.max(axis=1)})
'''

# Texts of ADAPTER, and changes of it as (old, new).
CONFIDENCE = '"confidence": chance.max(axis=1)'
SOME_FAIL = ("found = [", "assert rows['text'].str.len().min() > 3\n    found = [")  # a row in ten
ALL_FAIL = ("found = [", "assert False, 'never'\n    found = [")
TORCH_BUILD = ("load_file(checkpoint)", "torch.load(checkpoint, weights_only=True)")


def write_tiny(
    folder: Path,
    *,
    adapter: str = ADAPTER,
    settings: Mapping[str, Any] | None = None,
    production: pd.DataFrame | None = None,
    evaluation: pd.DataFrame | None = None,
    calibration: pd.DataFrame | None = None,
    seed: int = 0,
) -> Path:
    """Write a candidate named `tiny` into `folder` and return it; `settings` replace keys of candidate.yaml.

    None as a setting's value leaves the key out.
    """
    from safetensors.torch import save_file

    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "adapter.py").write_text(adapter, encoding="utf-8")
    save_file(tiny_weights(seed), folder / "weights.safetensors")
    fixed = {"evaluation": (evaluation, 1), "calibration": (calibration, 2)}
    for name, (given, offset) in fixed.items():
        rows = tiny_rows(FIXED_ROWS, seed=100 * seed + offset) if given is None else given
        rows.to_parquet(folder / "data" / f"{name}.parquet", index=False)
    write_log(folder / "data" / "log", tiny_log(seed=seed) if production is None else production)
    write_settings(folder, settings)
    return folder


def write_settings(
    folder: Path, settings: Mapping[str, Any] | None = None, weights: str = "weights.safetensors"
) -> None:
    """Write candidate.yaml, its digest that of the weights it names."""
    from tasks.core.files import digest

    whole: dict[str, Any] = {
        "name": "tiny",
        "task": "classification",
        "adapter": "adapter.py",
        "checkpoint": {"path": weights, "sha256": digest(folder / weights)},
        "policy": "selftest",
        "variants": ["fp32", "int8-static"],
        "data": {
            "evaluation": "data/evaluation.parquet",
            "calibration": "data/calibration.parquet",
            "production": "data/log",
            "as_of": AS_OF.isoformat(),
        },
        "columns": {
            "id": "request_id", "time": "ts", "label": "label", "input": ["text"], "status": "status",
            "slices": ["source"],
        },
    } | dict(settings or {})  # fmt: skip
    kept = {key: value for key, value in whole.items() if value is not None}
    (folder / "candidate.yaml").write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")


def tiny_weights(seed: int = 0) -> dict[str, Any]:
    """Return a state dict whose first embedding column is each word's polarity, and whose head reads it."""
    import torch

    draw = np.random.default_rng(seed)
    embedding = draw.normal(0, 0.05, (WORDS + 1, WIDTH)).astype(np.float32)
    embedding[1:, 0] = polarity()
    embedding[0] = 0
    head = draw.normal(0, 0.05, (2, WIDTH)).astype(np.float32)
    head[:, 0] = (-SURENESS / 2, SURENESS / 2)
    arrays = {"embedding.weight": embedding, "head.weight": head, "head.bias": np.zeros(2, dtype=np.float32)}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def polarity() -> np.ndarray:
    """Return each word's polarity, the same in every test; none is near zero."""
    draw = np.random.default_rng(7)
    return np.where(np.arange(WORDS) % 2, 1, -1) * draw.uniform(0.3, 1.0, WORDS)


def tiny_rows(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return texts of 1 to 12 words, labelled by the chance that the model gives the label, so that its confidence holds."""
    draw = np.random.default_rng(seed)
    weights = polarity()
    words = [draw.integers(WORDS, size=size) for size in draw.integers(1, 13, rows)]
    odds = SURENESS * np.array([weights[row].mean() for row in words])
    positive = draw.random(rows) < 1 / (1 + np.exp(-odds))
    return pd.DataFrame(
        {
            "request_id": [f"r{seed}-{row}" for row in range(rows)],
            "text": [" ".join(f"w{word}" for word in row) for row in words],
            "label": np.where(positive, "positive", "negative").astype(object),
        }
    )


def tiny_log(rows: int = PRODUCTION_ROWS, seed: int = 0) -> pd.DataFrame:
    """Return requests of the last `DAYS` days before `AS_OF`: a tenth without a label yet, two sources, all answered."""
    frame = tiny_rows(rows, seed=100 * seed + 3)
    draw = np.random.default_rng(seed + 4)
    step = timedelta(days=DAYS) / rows
    times = [AS_OF - timedelta(days=DAYS) + step * (row + 0.5) for row in range(rows)]
    frame.insert(1, "ts", pd.Series(times).dt.as_unit("us"))
    frame["label"] = frame["label"].where(draw.random(rows) < LABELLED, None)
    return frame.assign(source=np.where(draw.random(rows) < 0.5, "web", "app").astype(object), status="ok")


def write_log(folder: Path, rows: pd.DataFrame) -> None:
    """Write rows into one `dt=` folder a day, Parquet and JSONL.gz in turns; a null is a key left out of JSONL."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, (day, part) in enumerate(rows.groupby(rows["ts"].dt.strftime("%Y-%m-%d"))):
        partition = folder / f"dt={day}"
        partition.mkdir(exist_ok=True)
        if index % 2:
            write_jsonl(partition / "requests.jsonl.gz", part.to_dict(orient="records"))
        else:
            part.to_parquet(partition / "requests.parquet", index=False)


def write_jsonl(path: Path, rows: Iterable[Mapping[Any, Any]]) -> None:
    """Write rows as gzipped JSON lines."""
    kept = ({key: value for key, value in row.items() if not pd.isna(value)} for row in rows)
    path.write_bytes(gzip.compress(b"".join(orjson.dumps(row, default=str) + b"\n" for row in kept), mtime=0))


def quick_policy(
    path: Path, *, block: Iterable[str] = ("export-parity",), arrivals: str = "random", **measure: Any
) -> Path:
    """Write to `path` the policy `selftest` with the shortest measurements, where only the gates in `block` block."""
    policy = yaml.safe_load((POLICIES / "selftest.yaml").read_text(encoding="utf-8"))
    policy["name"], policy["business"]["arrivals"] = path.stem, arrivals
    policy["measure"] |= {
        "parity_rows": 64, "invariance_rows": 64, "latency_calls": 40, "latency_seconds": 2, "calls_per_batch": 8,
        "batch_seconds": 1, "soak_calls": 200, "soak_seconds": 2, "cold_starts": 0, "load_seconds": 0,
        "champion_seconds": 0.2, "rejected": "measure", "variants": "all",
    } | measure  # fmt: skip
    for name, limits in policy["gates"].items():
        limits["severity"] = "block" if name in set(block) else "warn"
    path.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    return path
