"""Every request of a run, kept beside its evidence: Parquet where pandas and pyarrow are there, else numpy's .npz."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.files import digest
from tasks.evidence import Raw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Table = dict[str, np.ndarray]
COLUMNS = ("scheduled", "dispatched", "completed", "outcome", "batch", "row")


def keep_raw(table: Table, out: Path) -> Raw:
    """Write a run's requests into `out` under the next free number; the path in the result begins two folders up."""
    out.mkdir(parents=True, exist_ok=True)
    ending = "parquet" if find_spec("pandas") and find_spec("pyarrow") else "npz"
    path = next(p for number in count(1) if not (p := out / f"load-{number:03}.{ending}").exists())
    if ending == "parquet":
        import pandas as pd

        pd.DataFrame(table).to_parquet(path, index=False)
    else:
        np.savez(path, **table)  # type: ignore[arg-type]
    return Raw(path=f"{out.parent.name}/{out.name}/{path.name}", sha256=digest(path), rows=len(table["scheduled"]))


def read_raw(path: Path) -> Table:
    """Return a run's requests: scheduled, dispatched and completed in seconds, outcome, batch and row, each [requests]."""
    if path.suffix == ".npz":
        with np.load(path) as kept:
            return {name: kept[name] for name in COLUMNS}
    import pandas as pd

    frame = pd.read_parquet(path)
    return {name: frame[name].to_numpy() for name in COLUMNS}


def response_seconds(table: Table) -> NDArray[np.float64]:
    """Return each request's time from its scheduled arrival to its answer, in order of arrival; infinite without one."""
    return np.where(table["outcome"] == "answered", table["completed"] - table["scheduled"], np.inf)
