"""The fixed sets, read and copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from support.tiny import tiny_rows, write_tiny

from tasks.candidate.folder import load_candidate
from tasks.core.errors import InputError
from tasks.core.run_folder import RunFolder
from tasks.data.datasets import copy_fixed_sets, read_table
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.jsonl"])
def test_a_table_is_the_same_in_every_format(tmp_path: Path, name: str) -> None:
    """Parquet, CSV and JSON lines hold the same rows."""
    rows, path = tiny_rows(20), tmp_path / name
    writers: dict[str, Any] = {"parquet": rows.to_parquet, "csv": rows.to_csv, "jsonl": rows.to_json}
    options = {"orient": "records", "lines": True} if name.endswith("jsonl") else {"index": False}
    writers[path.suffix[1:]](path, **options)
    pd.testing.assert_frame_equal(read_table(path), rows, check_dtype=False)


def test_sets_are_copied_and_rows_without_ids_get_them(tmp_path: Path) -> None:
    """A launch works on its own copy, in which every row can be named."""
    folder = write_tiny(tmp_path / "tiny", evaluation=tiny_rows(30).drop(columns="request_id"))
    sets = copy_fixed_sets(load_candidate(folder, RECIPES), RunFolder(tmp_path / "run"))
    assert pd.read_parquet(sets.evaluation)["request_id"].tolist()[:2] == ["evaluation-0", "evaluation-1"]
    assert len(pd.read_parquet(sets.calibration)) == 400
    assert sets.production == tmp_path / "run" / "data" / "production.parquet"


def test_a_calibration_set_needs_no_labels(tmp_path: Path) -> None:
    """Ranges are taken from inputs alone; an evaluation set without labels evaluates nothing."""
    bare = tiny_rows(30).drop(columns="label")
    copy_fixed_sets(
        load_candidate(write_tiny(tmp_path / "one", calibration=bare), RECIPES), RunFolder(tmp_path / "run")
    )
    with pytest.raises(InputError, match=r"the evaluation set .* lacks the column label; it has request_id, text"):
        copy_fixed_sets(
            load_candidate(write_tiny(tmp_path / "two", evaluation=bare), RECIPES), RunFolder(tmp_path / "run")
        )
