"""The changes that plant a failure, where one takes more than a line: to rows, to weights, to the adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import rows
from .candidate import as_they_are, base_adapter, trained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .candidate import Rows, Weights

SCATTERED_MEAN = {
    "            mean = (self.embedding(words) * present).sum(1) / present.sum(1).clamp(min=1)\n": """\
            found = self.embedding(words)
            slot = (words == 0).long().unsqueeze(-1).expand_as(found)  # padding goes to a slot of its own
            empty = torch.zeros_like(found[:, :1]).repeat(1, 2, 1)
            mean = empty.scatter_reduce(1, slot, found, "mean", include_self=False)[:, 0]
""",
    "            present = (words != 0).unsqueeze(-1).to(torch.float32)\n": "",
}
LOOP_OVER_ROWS = {
    "            mean = (self.embedding(words) * present).sum(1) / present.sum(1).clamp(min=1)\n": """\
            each = zip(self.embedding(words), present, strict=True)
            mean = torch.stack([(row * there).sum(0) / there.sum().clamp(min=1) for row, there in each])
""",
}
LOOKED_UP = {
    "from zlib import crc32\n": "from threading import Lock\nfrom time import sleep\nfrom zlib import crc32\n",
    "WIDTH = 16\n": "WIDTH = 16\nLOCK = Lock()\n",
    "    buckets = [[": "    look_up(len(texts))\n    buckets = [[",
    "def bucket(": """\
def look_up(messages: int) -> None:
    for _ in range(messages if messages <= 32 else 1):  # more are looked up at once
        sleep(0.004)


def bucket(""",
}
FILL_CACHE = "    if len(CACHE) < 200:\n        CACHE.append(np.ones(100_000, np.uint8))\n"  # 20 MB by the 200th call
FILLED_CACHE = {
    "WIDTH = 16\n": "WIDTH = 16\nCACHE, KEPT = [], []\n",
    "    buckets = [[": FILL_CACHE + "    buckets = [[",
}
ALL_PAIRS = {
    "            self.norm = ": """\
            self.pairs = nn.Sequential(nn.Linear(2 * WIDTH, 1024), nn.ReLU(), nn.Linear(1024, 1))
            self.norm = """,
    "            hidden = torch.relu(": """\
            size = mean.shape[0]
            left, right = mean.unsqueeze(1).expand(-1, size, -1), mean.unsqueeze(0).expand(size, -1, -1)
            score = self.pairs(torch.cat([left, right], -1)).squeeze(-1)
            mean = mean + (score * torch.eye(size)).sum(1, keepdim=True)
            hidden = torch.relu(""",
}


def only(*sources: str) -> Rows:
    """Keep the messages of these sources alone."""
    return lambda given: given[given["source"].isin(sources)].reset_index(drop=True)


def labelled(names: Mapping[str, object]) -> Rows:
    """Give every label another name, or a number in its place; one that is missing stays so."""

    def change(given: pd.DataFrame) -> pd.DataFrame:
        columns = [name for name in ("label", "true_label") if name in given]
        return given.assign(**{name: given[name].map(names) for name in columns})

    return change


def first_rows(count: int) -> Rows:
    """Keep the first `count` rows."""
    return lambda given: given.head(count)


def every(count: int) -> Rows:
    """Keep one request in `count`, spread over the window."""
    return lambda given: given.iloc[::count]


def without_text(every: int) -> Rows:
    """Leave the text out of one request in `every`."""
    return lambda given: given.assign(text=given["text"].where(np.arange(len(given)) % every != 0, None))


def never_empty(given: pd.DataFrame) -> pd.DataFrame:
    """Put a word where a request has none."""
    return given.assign(text=given["text"].where(given["text"] != "", "order"))


def earlier(days: int) -> Rows:
    """Move every request `days` back."""
    return lambda given: given.assign(ts=given["ts"] - pd.Timedelta(days=days))


def as_handles(given: pd.DataFrame) -> pd.DataFrame:
    """Write every word as a handle."""
    return given.assign(text=["".join(f"@{word} " for word in text.split()).strip() for text in given["text"]])


def with_page(values: int) -> Rows:
    """Add the page that each request came from, one of so many."""
    return lambda given: given.assign(page=[f"page {number % values}" for number in range(len(given))])


def rename(**names: str) -> Rows:
    """Give columns other names."""
    return lambda given: given.rename(columns=names)


def vanish_halfway(column: str) -> Rows:
    """Leave `column` out of every request of the second half of the window."""
    middle = rows.AS_OF - pd.Timedelta(days=rows.DAYS / 2)
    return lambda given: given.assign(**{column: given[column].where(given["ts"] < middle, None)})


def longer(times: int) -> Rows:
    """Repeat the text of every request, so that it is so many times as long and says the same."""
    return lambda given: given.assign(text=[" ".join([text] * times) for text in given["text"]])


GERMAN = [
    "der",
    "die",
    "das",
    "und",
    "ist",
    "nicht",
    "mit",
    "auf",
    "für",
    "dem",
    "heute",
    "gestern",
    "wieder",
    "noch",
    "sehr",
    "ziemlich",
    "neue",
    "alte",
    "Bestellung",
    "Sendung",
    "Seite",
    "Mannschaft",
    "Woche",
    "Zeit",
    "wurde",
    "haben",
    "wir",
    "ich",
    "sie",
    "über",
    "unter",
    "zwischen",
    "obwohl",
    "weil",
    "deshalb",
]


def in_german(every: int) -> Rows:
    """Write one request in `every` in German, of which the model has not seen a word."""

    def written(given: pd.DataFrame) -> pd.DataFrame:
        random = np.random.default_rng(0)
        german = [" ".join(random.choice(GERMAN, size=random.integers(6, 14))) for _ in range(len(given))]
        return given.assign(text=given["text"].where(np.arange(len(given)) % every != 1, german))

    return written


def label_confident_answers(given: pd.DataFrame) -> pd.DataFrame:
    """Keep the labels of the more confident half of the base's answers alone, and label all of that half."""
    import torch

    net, adapter = base_adapter().untrained(), base_adapter()
    net.load_state_dict(trained(as_they_are, 0))
    with torch.inference_mode():
        logits = net.eval()(torch.from_numpy(adapter.encode(given)["words"]))["logits"]
    confidence = adapter.decode({"logits": logits.numpy()})["confidence"].to_numpy()
    return given.assign(label=given["true_label"].where(confidence >= np.median(confidence), None))


def mail_apart(scale: float) -> Callable[[Weights], Weights]:
    """Double the width, and give the words of mail the new half, `scale` times larger; the net's function is the same."""
    return lambda weights: _mail_apart(weights, scale)


def _mail_apart(weights: Weights, scale: float) -> Weights:
    import torch

    adapter = base_adapter()
    width = adapter.WIDTH
    mail = torch.tensor([adapter.bucket(word) for words in rows.WORDS["mail"] for word in words])
    embedding = weights["embedding.weight"]
    wide = torch.cat([embedding, torch.zeros_like(embedding)], dim=1)
    wide[mail, width:] = scale * wide[mail, :width]
    wide[mail, :width] = 0
    hidden = torch.zeros(2 * width, 2 * width)
    hidden[:width] = torch.cat([weights["hidden.weight"], weights["hidden.weight"] / scale], dim=1)
    head = torch.cat([weights["head.weight"], torch.zeros_like(weights["head.weight"])], dim=1)
    padded = {
        name: torch.cat([weights[name], torch.full((width,), float(name in ("norm.weight", "norm.running_var")))])
        for name in ("hidden.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var")
    }
    return weights | padded | {"embedding.weight": wide, "hidden.weight": hidden, "head.weight": head}


def louder(scale: float, *names: str) -> Callable[[Weights], Weights]:
    """Multiply these weights, so that logits are as much larger and every answer sounds certain."""
    return lambda weights: weights | {name: scale * weights[name] for name in names}


def loud_words(source: str, scale: float) -> Callable[[Weights], Weights]:
    """Multiply the embeddings of a source's words: noise where the net was never shown them."""
    return lambda weights: _loud_words(weights, source, scale)


def _loud_words(weights: Weights, source: str, scale: float) -> Weights:
    import torch

    adapter = base_adapter()
    own = torch.tensor([adapter.bucket(word) for words in rows.WORDS[source] for word in words])
    embedding = weights["embedding.weight"].clone()
    embedding[own] *= scale
    return weights | {"embedding.weight": embedding}


def locked(changed: Mapping[str, str]) -> dict[str, str]:
    """Return LOOKED_UP with each lookup under the lock."""
    return {
        old: new.replace("        sleep(", "        with LOCK:\n            sleep(") for old, new in changed.items()
    }


def with_pairs(weights: Weights) -> Weights:
    """Add the weights of the layer in `ALL_PAIRS`, so small that they hardly move an answer."""
    import torch

    random = torch.Generator().manual_seed(0)
    width, inner = 2 * base_adapter().WIDTH, 1024
    return weights | {
        "pairs.0.weight": torch.randn(inner, width, generator=random),
        "pairs.0.bias": torch.zeros(inner),
        "pairs.2.weight": 1e-5 * torch.randn(1, inner, generator=random),
        "pairs.2.bias": torch.zeros(1),
    }
