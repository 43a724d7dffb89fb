"""Rows that were encoded once, served without the adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.performance.latency.encoded import SHAPE, EncodedServer
from tasks.performance.latency.offline import write_request
from tasks.performance.latency.request import Encoded, LatencyRequest
from tasks.serving.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets


@pytest.mark.process
def test_encoded_rows_are_answered_as_the_adapter_would_have_them(
    served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """Any rows by their numbers, padded to the longest of them alone."""
    request = LatencyRequest.model_validate_json(
        write_request(served, sets.production, measuring, 0, tmp_path).read_bytes()
    )
    assert request.encoded is not None
    paths = {"graph": tmp_path / request.encoded.graph, "inputs": tmp_path / request.encoded.inputs}
    encoded = EncodedServer(request.encoded.model_copy(update=paths))
    rows = pd.read_parquet(sets.production, columns=["text"]).dropna().reset_index(drop=True)
    shortest = rows["text"].str.len().argsort().tolist()
    server = Server(served)
    for chosen in (shortest[:5], [shortest[-1], shortest[0], 7], [3]):
        wanted = server.predict(rows.iloc[chosen].reset_index(drop=True)).outputs
        assert encoded.answer(chosen).keys() == wanted.keys()
        assert all(np.array_equal(encoded.answer(chosen)[name], wanted[name]) for name in wanted)
    assert encoded.rows == len(rows)
    with np.load(paths["inputs"]) as kept:
        assert kept[SHAPE + "words"].shape == (len(rows), 1)
    few = tmp_path / "few.npz"
    np.savez(few, other=np.zeros(3))
    with pytest.raises(StageError, match="lacks the graph's input words; it has"):
        EncodedServer(Encoded(graph=paths["graph"], inputs=few, target="cpu"))
