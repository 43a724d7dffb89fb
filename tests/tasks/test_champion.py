"""A launch's own files kept, so that its model can answer again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from tiny import write_tiny

from tasks.candidate import load_candidate
from tasks.champion import answer_as_champion, keep_candidate, keep_graphs, load_kept
from tasks.export import serving
from tasks.records import Candidate, StageError, Variant

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.datasets import DataSets


@pytest.fixture
def kept(tiny: Candidate, fp32: Variant, tmp_path: Path) -> Path:
    """Return a run's folder with the candidate and its graph, moved since it was written."""
    keep_candidate(tiny, tmp_path / "run")
    keep_graphs(fp32, tmp_path / "run" / "variants" / "fp32")
    return (tmp_path / "run").rename(tmp_path / "moved")


def test_what_was_kept_answers_as_before(
    kept: Path, tiny: Candidate, fp32: Variant, sets: DataSets, tmp_path: Path
) -> None:
    """The champion answers the new sample from its own files alone, with its own adapter."""
    champion, variant = load_kept(kept / "candidate", "fp32", kept / "variants" / "fp32")
    assert champion.folder == kept / "candidate"
    assert variant.size_bytes == fp32.size_bytes
    old, new = (
        answer_as_champion(who, serving(who, graphs, "cpu", 1), sets.production, tiny, tmp_path / name)
        for name, who, graphs in (("old", tiny, fp32), ("new", champion, variant))
    )
    pd.testing.assert_frame_equal(pd.read_parquet(old), pd.read_parquet(new))


def test_data_keeps_its_address_and_s3_stays_as_it_is(tmp_path: Path) -> None:
    """Relative addresses are written as whole ones, since the copy lies elsewhere."""
    folder = write_tiny(tmp_path / "tiny")
    text = (folder / "candidate.yaml").read_text()
    (folder / "candidate.yaml").write_text(text.replace("data/log", "s3://bucket/log"))
    keep_candidate(load_candidate(folder), tmp_path / "run")
    written = Candidate.model_validate_json((tmp_path / "run" / "candidate" / "candidate.json").read_bytes())
    assert written.data.production == "s3://bucket/log"
    assert written.data.evaluation == str(folder / "data" / "evaluation.parquet")


def test_files_that_are_gone_are_named(kept: Path) -> None:
    """Without its graph or its record a champion can't answer."""
    record = kept / "candidate" / "candidate.json"
    shutil.rmtree(kept / "variants" / "fp32" / "graphs")
    with pytest.raises(StageError, match=r"the recorded files are gone: .*graphs"):
        load_kept(kept / "candidate", "fp32", kept / "variants" / "fp32")
    record.unlink()
    with pytest.raises(StageError, match=r"the recorded files are gone: .*candidate.json"):
        load_kept(kept / "candidate", "fp32", kept / "variants" / "fp32")


def test_a_record_of_another_version_is_told(kept: Path) -> None:
    """A champion that another version kept does not stop the launch that asks it."""
    record = kept / "candidate" / "candidate.json"
    record.write_text(record.read_text().replace('"columns"', '"kolumns"'))
    with pytest.raises(StageError, match=r"candidate.json is not as this version of launchgate reads it"):
        load_kept(kept / "candidate", "fp32", kept / "variants" / "fp32")


def test_a_champion_that_reads_other_columns_says_which(
    tiny: Candidate, fp32: Variant, sets: DataSets, tmp_path: Path
) -> None:
    """A sample without the champion's input column can't be answered by it."""
    columns = tiny.columns.model_copy(update={"input": ("title", "text")})
    champion = tiny.model_copy(update={"columns": columns})
    with pytest.raises(StageError, match="the champion reads the column title, which this sample does not have"):
        answer_as_champion(champion, serving(champion, fp32, "cpu", 1), sets.production, tiny, tmp_path)
