"""The columns of a sample's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from support.prediction_logs import COLUMNS, row, sample, write_lines, write_parquet

if TYPE_CHECKING:
    from pathlib import Path


def test_a_label_that_is_nowhere_is_null_everywhere(tmp_path: Path) -> None:
    """The column is there all the same, with as many rows counted as the log has."""
    write_parquet(tmp_path / "log" / "a.parquet", [row(i) for i in range(12)])
    evidence, drawn = sample(tmp_path, columns=COLUMNS.model_copy(update={"label": "truth", "id": "request_id"}))
    assert evidence.missing_columns == {"truth": 12}
    assert evidence.labelled_rows == 0
    assert drawn["truth"].isna().all()


def test_labels_keep_their_type_unless_files_disagree(tmp_path: Path) -> None:
    """Integers stay integers; integers beside text become text; NaN is no label; objects become JSON text."""
    write_lines(tmp_path / "log" / "a.jsonl", [row(1, label=1, text={"b": 1}), row(2, label=0, text={})])
    write_parquet(tmp_path / "log" / "b.parquet", [row(3, label=float("nan"), text="plain")])
    evidence, drawn = sample(tmp_path)
    assert pq.read_schema(tmp_path / "out" / "sample.parquet").field("label").type == pa.int64()
    assert list(drawn["text"]) == ['{"b":1}', "{}", "plain"]
    assert evidence.labelled_rows == 2
    write_lines(tmp_path / "log" / "c.jsonl", [row(4, label="1")])
    _, drawn = sample(tmp_path)
    assert list(drawn["label"].dropna()) == ["1", "0", "1"]
