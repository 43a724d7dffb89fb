"""Make all that this candidate needs: the data, then the trained net. A second run finds it done.

`python candidates/sentiment_bigram/prepare.py`
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE.parent / "preparation"),
    str(HERE.parents[1]),
]  # the data's scripts; tasks, also where it is not installed

from sentiment_data import FOLDER as DATA  # noqa: E402
from sentiment_data import prepare_data  # noqa: E402
from up_to_date import is_current, write_stamp  # noqa: E402

from tasks.core.errors import InputError  # noqa: E402
from tasks.core.files import digest, write_whole  # noqa: E402

BUILD = HERE / "build"
CHECKPOINT = BUILD / "checkpoint.safetensors"
SEED = 7
EPOCHS = 2  # from the third on, rows held out are judged no better
BATCH_ROWS = 64
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2


def train() -> None:
    """Train on the movie reviews of the train split and write the checkpoint; the same machine writes the same bytes."""
    import adapter
    import numpy as np
    import pandas as pd
    import torch
    from safetensors.torch import save

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    rows = pd.read_parquet(DATA / "train.parquet")
    ngrams = torch.from_numpy(adapter.encode(rows)["ngrams"])
    labels = torch.from_numpy((rows["label"] == adapter.LABELS[1]).to_numpy(dtype=np.int64))
    net = adapter.untrained()
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(rows)), BATCH_ROWS):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(ngrams[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    write_whole(CHECKPOINT, save(net.state_dict()))


def main() -> int:
    """Make what is missing or out of date, or say that there was nothing to do."""
    try:
        made = prepare_data()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    inputs = [digest(HERE / "prepare.py"), digest(HERE / "adapter.py"), digest(DATA / "train.parquet")]
    if not is_current(BUILD / "stamp", inputs, CHECKPOINT):
        train()
        write_whole(BUILD / "checkpoint.sha256", f"{digest(CHECKPOINT)}\n".encode())
        write_stamp(BUILD / "stamp", inputs, CHECKPOINT)
        print(f"trained {CHECKPOINT} ({CHECKPOINT.stat().st_size / 1e6:.1f} MB)")
        made = True
    print("sentiment_bigram is ready" if made else "nothing to do: sentiment_bigram and its data are current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
