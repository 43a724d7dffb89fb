"""Made-up data and a tiny trained model, so that this folder launches as it stands. Change: bring your own of both."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import adapter
import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
END = datetime(2026, 11, 1, tzinfo=UTC)  # as_of in candidate.yaml
DAYS = 28


def draw(rows: int, seed: int) -> pd.DataFrame:
    """Return made-up payments: large ones from young accounts are mostly fraud."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "request_id": [f"{seed}-{index}" for index in range(rows)],
            "amount": random.lognormal(4, 1, rows).round(2),
            "items": random.integers(1, 20, rows),
            "account_age_days": random.exponential(400, rows).round(1),
            "channel": random.choice(["web", "app", "phone"], rows),
        }
    )
    odds = np.log(table["amount"]) - np.log1p(table["account_age_days"]) + 0.7
    fraud = random.random(rows) < 1 / (1 + np.exp(-4 * odds))
    return table.assign(label=adapter.LABELS[fraud.astype(int)])


def train(rows: pd.DataFrame) -> torch.nn.Module:
    """Return the net after some hundred steps of Adam on all rows."""
    torch.manual_seed(0)
    net = adapter.untrained()
    features = torch.from_numpy(adapter.encode(rows)["features"])
    labels = torch.from_numpy((rows["label"] == adapter.LABELS[1]).to_numpy().astype(np.int64))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(features), labels).backward()
        optimizer.step()
    return net.eval()


def write_log(folder: Path) -> None:
    """Write the requests of a month as a service logs them: a folder a day, the labels of the last days still missing."""
    log = draw(3000, seed=4)
    random = np.random.default_rng(5)
    log["ts"] = [END - timedelta(days=float(days)) for days in np.sort(random.uniform(0, DAYS, len(log)))[::-1]]
    log["status"] = random.choice(["ok", "timeout"], len(log), p=[0.99, 0.01])
    log.loc[log["ts"] > END - timedelta(days=2), "label"] = None
    for day, rows in log.groupby(log["ts"].dt.strftime("%Y-%m-%d")):
        (folder / f"dt={day}").mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / f"dt={day}" / "requests.parquet", index=False)


def main() -> None:
    """Write data/ and build/."""
    (HERE / "data").mkdir(exist_ok=True)
    (HERE / "build").mkdir(exist_ok=True)
    draw(1000, seed=2).to_parquet(HERE / "data" / "evaluation.parquet", index=False)
    draw(300, seed=3).to_parquet(HERE / "data" / "calibration.parquet", index=False)
    write_log(HERE / "data" / "log")
    weights = HERE / "build" / "checkpoint.safetensors"
    save_file(train(draw(4000, seed=1)).state_dict(), weights)
    (HERE / "build" / "checkpoint.sha256").write_text(hashlib.sha256(weights.read_bytes()).hexdigest() + "\n")


if __name__ == "__main__":
    main()
