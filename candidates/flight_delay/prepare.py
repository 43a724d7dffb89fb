"""Make all that this candidate needs: the data, then the trained net. A second run finds it done.

`python candidates/flight_delay/prepare.py`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE.parent / "preparation"),
    str(HERE.parents[1]),
]  # the data's scripts; tasks, also where it is not installed

from flight_data import FOLDER as DATA  # noqa: E402
from flight_data import prepare_data  # noqa: E402
from flight_records import INPUTS  # noqa: E402
from up_to_date import is_current, write_stamp  # noqa: E402

from tasks.core.errors import InputError  # noqa: E402
from tasks.core.files import digest, write_whole  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd
    import torch

BUILD = HERE / "build"
CHECKPOINT = BUILD / "checkpoint"
SEED = 7
EPOCHS = 12
BATCH_ROWS = 512
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2
HIDDEN_SHARE = 0.03  # of each input's values in training, so that the net learns what to answer without it
HUBER_MINUTES = 10.0  # errors beyond count in proportion: a thunderstorm's hours do not outweigh a month
HUBER_WEIGHT = 0.01  # brings that loss to the size of the other one


def make_checkpoint() -> None:
    """Train on the train split, fit the confidence on the calibration split, and write the checkpoint folder."""
    import adapter
    import pandas as pd
    import torch
    from safetensors.torch import save

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    rows = pd.read_parquet(DATA / "train.parquet")
    codes = {name: sorted(rows[name].unique()) for name in adapter.CODES}
    write_whole(CHECKPOINT / "codes.json", json.dumps(codes).encode())
    net = adapter.untrained(codes)
    train(net, rows)
    fit_confidence(net, pd.read_parquet(DATA / "calibration.parquet"))
    write_whole(CHECKPOINT / "model.safetensors", save(net.state_dict()))


def train(net: torch.nn.Module, rows: pd.DataFrame) -> None:
    """Train the prediction by a Huber loss, and its confidence by whether the prediction was near enough."""
    import torch
    from torch.nn import functional

    batch, labels = _tensors(rows)
    net.get_buffer("mean").copy_(batch["numbers"].mean(0))
    net.get_buffer("spread").copy_(batch["numbers"].std(0))
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for _ in range(EPOCHS):
        for chosen in torch.split(torch.randperm(len(rows)), BATCH_ROWS):
            outputs = net(**_with_some_hidden({name: tensor[chosen] for name, tensor in batch.items()}))
            loss = HUBER_WEIGHT * functional.huber_loss(outputs["minutes"], labels[chosen], delta=HUBER_MINUTES)
            within = _within(outputs["minutes"].detach(), labels[chosen])
            loss += functional.binary_cross_entropy_with_logits(outputs["within_logit"], within)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def fit_confidence(net: torch.nn.Module, rows: pd.DataFrame) -> None:
    """Scale and shift the logit of the confidence to be right on `rows`, of days that the net was not trained on.

    Platt scaling (Probabilistic Outputs for Support Vector Machines, 1999), folded into the net's last layer. The net
    is surer on its training days than on others, whose weather it never saw.
    """
    import torch
    from torch.nn import functional

    batch, labels = _tensors(rows)
    with torch.inference_mode():
        outputs = {name: tensor.double() for name, tensor in net(**batch).items()}
    logit, within = outputs["within_logit"].clone(), _within(outputs["minutes"], labels).double()
    fitted = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([fitted], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = functional.binary_cross_entropy_with_logits(fitted[0] * logit + fitted[1], within)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    scale, shift = fitted.detach().float()
    head = net.get_submodule("head")
    with torch.no_grad():
        head.get_parameter("weight")[1] *= scale
        head.get_parameter("bias")[1] = head.get_parameter("bias")[1] * scale + shift


def _tensors(rows: pd.DataFrame) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Return the graph's inputs and the labels [rows] float32, in minutes."""
    import adapter
    import torch

    batch = {name: torch.from_numpy(array) for name, array in adapter.encode(rows).items()}
    return batch, torch.tensor(rows["label"].to_numpy(), dtype=torch.float32)


def _with_some_hidden(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the batch with a share of the values made unknown, each by itself."""
    import adapter
    import pandas as pd
    import torch

    unknown = torch.from_numpy(adapter.encode(pd.DataFrame({name: [None] for name in INPUTS}))["categories"])
    shown = (torch.rand(batch["numbers"].shape) >= HIDDEN_SHARE).float()
    hidden = torch.rand(batch["categories"].shape) < HIDDEN_SHARE
    return {
        "categories": torch.where(hidden, unknown, batch["categories"]),
        "numbers": batch["numbers"] * shown,
        "known": batch["known"] * shown,
    }


def _within(minutes: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return 1.0 where a prediction is as near to its label as the confidence is about, else 0.0."""
    import adapter

    return ((minutes - labels).abs() <= adapter.TOLERANCE_MINUTES).float()


def main() -> int:
    """Make what is missing or out of date, or say that there was nothing to do."""
    try:
        made = prepare_data()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    inputs = [digest(HERE / script) for script in ("prepare.py", "adapter.py")]
    inputs += [digest(DATA / f"{name}.parquet") for name in ("train", "calibration")]
    if not is_current(BUILD / "stamp", inputs, CHECKPOINT):
        make_checkpoint()
        write_whole(BUILD / "checkpoint.sha256", f"{digest(CHECKPOINT)}\n".encode())
        write_stamp(BUILD / "stamp", inputs, CHECKPOINT)
        size = sum(item.stat().st_size for item in CHECKPOINT.iterdir())
        print(f"trained {CHECKPOINT} ({size / 1e6:.2f} MB)")
        made = True
    print("flight_delay is ready" if made else "nothing to do: flight_delay and its data are current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
