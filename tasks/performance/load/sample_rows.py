"""The rows of a production sample, answered by a loaded variant: encode, session and decode, as production would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import StageError
from tasks.core.records import Record, Serving
from tasks.serving.server import Server

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class SampleRows(Record):
    """Which variant answers, and the Parquet file of the rows that requests are drawn from."""

    serving: Serving
    rows: Path


class ServedRows:
    """A variant with its rows; the workers that share it call it at the same time."""

    def __init__(self, sample: SampleRows, threads: int) -> None:
        import pandas as pd

        columns = list(sample.serving.input_columns)
        self.inputs: pd.DataFrame = pd.read_parquet(sample.rows, columns=columns).dropna()
        if self.inputs.empty:
            raise StageError("the production sample has no row with inputs to ask for")
        self.server = Server(sample.serving.model_copy(update={"threads": threads}))

    def __len__(self) -> int:
        return len(self.inputs)

    def answer(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Answer these rows as one batch; an answer is good with a confidence in [0, 1], or where it abstains.

        Raises AdapterError where the adapter or the graph does.
        """
        frame = self.server.predict(self.inputs.iloc[rows].reset_index(drop=True)).frame
        confidence = frame["confidence"].to_numpy()
        well = (confidence >= 0) & (confidence <= 1)
        return well if well.all() else well | (np.isnan(confidence) & frame["prediction"].isna().to_numpy())


def open_rows(sample: dict[str, object], threads: int) -> ServedRows:
    """Load a variant for a worker, its sessions with `threads` intra-op threads; `sample` is a SampleRows as JSON."""
    return ServedRows(SampleRows.model_validate(sample), threads)
