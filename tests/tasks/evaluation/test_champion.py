"""The live champion's answers to a candidate's production sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tasks.candidate.snapshot import keep_candidate, keep_graphs, load_kept
from tasks.core.errors import StageError
from tasks.core.run_folder import RunFolder
from tasks.evaluation.champion import answer_as_champion
from tasks.serving.server import serving_of

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Candidate, Variant
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process
TIMEOUT_SECONDS = 120


def test_what_was_kept_answers_as_before(tiny: Candidate, fp32: Variant, sets: DataSets, tmp_path: Path) -> None:
    """The champion answers the new sample from its own files alone, with its own adapter."""
    run = tmp_path / "run"
    keep_candidate(tiny, RunFolder(run))
    keep_graphs(fp32, RunFolder(run).variant("fp32"))
    kept = run.rename(tmp_path / "moved")
    champion, variant = load_kept(kept / "candidate", "fp32", RunFolder(kept).variant("fp32"))
    assert champion.folder == kept / "candidate"
    assert variant.size_bytes == fp32.size_bytes
    old, new = (
        answer_as_champion(serving_of(who, graphs, "cpu", 1), sets.production, tiny, TIMEOUT_SECONDS, tmp_path / name)
        for name, who, graphs in (("old", tiny, fp32), ("new", champion, variant))
    )
    pd.testing.assert_frame_equal(pd.read_parquet(old), pd.read_parquet(new))


def test_a_champion_that_reads_other_columns_says_which(
    tiny: Candidate, fp32: Variant, sets: DataSets, tmp_path: Path
) -> None:
    """A sample without the champion's input column can't be answered by it."""
    columns = tiny.columns.model_copy(update={"input": ("title", "text")})
    champion = tiny.model_copy(update={"columns": columns})
    with pytest.raises(StageError, match="the champion reads the column title, which this sample does not have"):
        answer_as_champion(serving_of(champion, fp32, "cpu", 1), sets.production, tiny, TIMEOUT_SECONDS, tmp_path)
