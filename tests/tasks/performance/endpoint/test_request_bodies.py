"""What requests hold: columns or encoded inputs, as the server declares them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.tiny import ADAPTER

from tasks.candidate.adapter import Adapter
from tasks.core.errors import InputError
from tasks.performance.endpoint import request_bodies as bodies
from tasks.performance.endpoint.handshake import Tensor
from tasks.performance.endpoint.request_bodies import write_bodies

if TYPE_CHECKING:
    from pathlib import Path

ROWS = pd.DataFrame({"text": ["w1 w2 w3", "w4"], "count": [3, 1], "share": [0.5, 0.25], "known": [True, False]})
TEXT = Tensor(name="text", datatype="BYTES", shape=(-1, 1))
WORDS = Tensor(name="words", datatype="INT64", shape=(-1, -1))


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    """Return the tiny candidate's adapter, which encodes a text as the numbers of its words."""
    (tmp_path / "adapter.py").write_text(ADAPTER)
    return Adapter(tmp_path / "adapter.py")


def written(folder: Path, *arguments: Any) -> tuple[str, list[Any]]:
    """Return what requests hold, and their bodies."""
    held = write_bodies(*arguments, folder / "bodies.jsonl")
    return held, [json.loads(line) for line in (folder / "bodies.jsonl").read_text().splitlines()]


def test_mlflow_gets_the_columns_of_one_row(tmp_path: Path) -> None:
    """As dataframe_split, each value of its own type; rows with a gap are left out."""
    gaps = pd.concat([ROWS, pd.DataFrame({"text": [None]})])
    held, bodies = written(tmp_path, "mlflow", None, (), gaps, None)
    assert held == "columns"
    assert bodies[0] == {
        "dataframe_split": {"columns": ["text", "count", "share", "known"], "data": [["w1 w2 w3", 3, 0.5, True]]}
    }
    assert len(bodies) == 2


def test_mlflow_gets_encoded_inputs_where_they_are_asked_for(tmp_path: Path, adapter: Adapter) -> None:
    """A batch of one row, each by the name of the graph's input."""
    held, bodies = written(tmp_path, "mlflow", "encoded", (), ROWS[["text"]], adapter)
    assert held == "encoded"
    assert bodies == [{"inputs": {"words": [[2, 3, 4]]}}, {"inputs": {"words": [[5]]}}]


def test_an_open_inference_server_gets_what_its_model_declares(tmp_path: Path, adapter: Adapter) -> None:
    """Columns or encoded inputs by their names, of the type and with the dimensions declared."""
    held, bodies = written(tmp_path, "oip", None, (WORDS,), ROWS[["text"]], adapter)
    assert held == "encoded"
    assert bodies[0] == {"inputs": [{"name": "words", "shape": [1, 3], "datatype": "INT64", "data": [2, 3, 4]}]}
    held, bodies = written(tmp_path, "oip", None, (TEXT,), ROWS[["text"]], adapter)
    assert held == "columns"
    assert bodies[0] == {"inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["w1 w2 w3"]}]}
    declared = (
        Tensor(name="count", datatype="FP32", shape=(-1,)), Tensor(name="known", datatype="BOOL", shape=(-1, 1)),
    )  # fmt: skip
    _, bodies = written(tmp_path, "oip", None, declared, ROWS, None)
    assert bodies[0]["inputs"] == [
        {"name": "count", "shape": [1], "datatype": "FP32", "data": [3.0]},
        {"name": "known", "shape": [1, 1], "datatype": "BOOL", "data": [True]},
    ]


def test_a_name_alone_is_no_match(tmp_path: Path, adapter: Adapter) -> None:
    """A graph's input and a column of the same name are told apart by their types."""
    same = Tensor(name="words", datatype="BYTES", shape=(-1,))
    held, bodies = written(tmp_path, "oip", None, (same,), ROWS[["text"]].assign(words="w1"), adapter)
    assert (held, bodies[0]["inputs"][0]["data"]) == ("columns", ["w1"])


def test_a_model_that_declares_nothing_gets_what_is_asked_for(tmp_path: Path) -> None:
    """Every column, in the type that it has; and who does not ask is told to."""
    _, bodies = written(tmp_path, "oip", "columns", (), ROWS, None)
    assert [(one["name"], one["datatype"]) for one in bodies[0]["inputs"]] == [
        ("text", "BYTES"), ("count", "INT64"), ("share", "FP64"), ("known", "BOOL"),
    ]  # fmt: skip
    with pytest.raises(InputError, match="declares no inputs; say what it takes with --inputs columns or encoded"):
        written(tmp_path, "oip", None, (), ROWS, None)


def test_a_model_that_declares_something_else_is_told_in_one_sentence(tmp_path: Path, adapter: Adapter) -> None:
    """It names what the model takes and what a request could hold."""
    pixels = Tensor(name="pixels", datatype="FP32", shape=(-1, 3, 224, 224))
    with pytest.raises(
        InputError,
        match=r"takes pixels \(FP32\), which a request can't hold \(columns: text \(BYTES\); encoded: words \(INT64\)\)",
    ):
        written(tmp_path, "oip", None, (pixels,), ROWS[["text"]], adapter)
    with pytest.raises(InputError, match="takes pixels, and a request holds text; see --inputs"):
        written(tmp_path, "oip", "columns", (pixels,), ROWS[["text"]], adapter)


def test_encoded_inputs_take_an_adapter(tmp_path: Path) -> None:
    """Columns alone do not say how to encode them."""
    with pytest.raises(InputError, match="encoded inputs are made by a candidate's adapter"):
        written(tmp_path, "mlflow", "encoded", (), ROWS, None)


def test_rows_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    """There is nothing to ask for."""
    with pytest.raises(InputError, match="no row holds all input columns"):
        written(tmp_path, "mlflow", None, (), ROWS.assign(text=None), None)


def test_bytes_and_lists_have_a_form_in_json(tmp_path: Path) -> None:
    """Bytes as base64, a list as one more dimension, also where it was read from a file; uneven lists have none."""
    (tmp_path / "rows").mkdir()
    pd.DataFrame({"image": [b"\x00\xff"], "points": [[[1.5, 2.5]]]}).to_parquet(tmp_path / "rows" / "rows.parquet")
    rows = pd.read_parquet(tmp_path / "rows" / "rows.parquet")
    _, bodies = written(tmp_path, "oip", "columns", (), rows, None)
    assert bodies[0]["inputs"] == [
        {"name": "image", "shape": [1], "datatype": "BYTES", "data": ["AP8="]},
        {"name": "points", "shape": [1, 1, 2], "datatype": "FP64", "data": [1.5, 2.5]},
    ]
    with pytest.raises(InputError, match="lists of uneven lengths"):
        written(tmp_path, "oip", "columns", (), pd.DataFrame({"points": [[[1.5], [1.5, 2.5]]]}), None)


def test_large_bodies_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are held in memory at once."""
    monkeypatch.setattr(bodies, "MOST_BYTES", 10)
    assert len(written(tmp_path, "mlflow", None, (), ROWS, None)[1]) == 1
