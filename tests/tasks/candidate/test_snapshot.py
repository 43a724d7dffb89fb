"""A launch's own files kept, so that its model can be served again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from support.tiny import write_tiny

from tasks.candidate.folder import load_candidate
from tasks.candidate.snapshot import keep_candidate, keep_graphs, load_kept
from tasks.core.errors import StageError
from tasks.core.records import Candidate, Variant
from tasks.core.run_folder import RunFolder
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def kept(tiny: Candidate, fp32: Variant, tmp_path: Path) -> Path:
    """Return a run's folder with the candidate and its graph, moved since it was written."""
    keep_candidate(tiny, RunFolder(tmp_path / "run"))
    keep_graphs(fp32, RunFolder(tmp_path / "run").variant("fp32"))
    return (tmp_path / "run").rename(tmp_path / "moved")


def test_data_keeps_its_address_and_s3_stays_as_it_is(tmp_path: Path) -> None:
    """Relative addresses are written as whole ones, since the copy lies elsewhere."""
    folder = write_tiny(tmp_path / "tiny")
    text = (folder / "candidate.yaml").read_text()
    (folder / "candidate.yaml").write_text(text.replace("data/log", "s3://bucket/log"))
    keep_candidate(load_candidate(folder, RECIPES), RunFolder(tmp_path / "run"))
    written = Candidate.model_validate_json((tmp_path / "run" / "candidate" / "candidate.json").read_bytes())
    assert written.data.production == "s3://bucket/log"
    assert written.data.evaluation == str(folder / "data" / "evaluation.parquet")


def test_files_that_are_gone_are_named(kept: Path) -> None:
    """Without its graph or its record a champion can't answer."""
    record = kept / "candidate" / "candidate.json"
    shutil.rmtree(kept / "variants" / "fp32" / "graphs")
    with pytest.raises(StageError, match=r"the recorded files are gone: .*graphs"):
        load_kept(kept / "candidate", "fp32", RunFolder(kept).variant("fp32"))
    record.unlink()
    with pytest.raises(StageError, match=r"the recorded files are gone: .*candidate.json"):
        load_kept(kept / "candidate", "fp32", RunFolder(kept).variant("fp32"))


def test_a_record_of_another_version_is_told(kept: Path) -> None:
    """A champion that another version kept does not stop the launch that asks it."""
    record = kept / "candidate" / "candidate.json"
    record.write_text(record.read_text().replace('"columns"', '"kolumns"'))
    with pytest.raises(StageError, match=r"candidate.json is not as this version of launchgate reads it"):
        load_kept(kept / "candidate", "fp32", RunFolder(kept).variant("fp32"))
