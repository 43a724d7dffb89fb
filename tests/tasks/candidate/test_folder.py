"""A candidate's folder: what it is known by, and what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from support.tiny import tiny_rows, write_settings, write_tiny

from tasks.candidate.folder import candidate_digest, load_candidate
from tasks.candidate.snapshot import snapshot
from tasks.core.errors import InputError
from tasks.core.files import digest
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a tiny candidate's folder with two helpers of the same name."""
    made = write_tiny(tmp_path / "tiny")
    for part in ("one", "two"):
        (made / part).mkdir()
        (made / part / "words.py").write_text("")
    return made


def change_code(folder: Path) -> None:
    """Change a helper beside another of its name."""
    (folder / "one" / "words.py").write_text("A = 1\n")


def change_data(folder: Path) -> None:
    """Change the calibration set."""
    tiny_rows(5).to_parquet(folder / "data" / "calibration.parquet")


def change_weights(folder: Path) -> None:
    """Train on."""
    from safetensors.torch import save_file
    from support.tiny import tiny_weights

    save_file(tiny_weights(seed=5), folder / "weights.safetensors")
    write_settings(folder)


def change_variants(folder: Path) -> None:
    """Ask for other variants."""
    write_settings(folder, {"variants": ["fp32"]})


@pytest.mark.parametrize("change", [change_code, change_data, change_weights, change_variants])
def test_whatever_changes_a_candidate_changes_its_digest(folder: Path, change: Callable[[Path], None]) -> None:
    """Code anywhere in the folder, weights, fixed data and settings are all in the digest."""
    before = candidate_digest(load_candidate(folder, RECIPES))
    change(folder)
    assert candidate_digest(load_candidate(folder, RECIPES)) != before


def test_a_candidate_is_the_same_elsewhere_and_on_another_day(folder: Path, tmp_path: Path) -> None:
    """Neither the folder's place nor the policy nor the production log makes it another candidate."""
    before = candidate_digest(load_candidate(folder, RECIPES))
    write_settings(folder, {"policy": "standard"})
    (folder / "data" / "log" / "more.jsonl").write_text("{}\n")
    assert candidate_digest(load_candidate(folder.rename(tmp_path / "moved"), RECIPES)) == before


def test_a_checkpoint_trained_in_place_names_a_file_with_its_digest(folder: Path) -> None:
    """`sha256_file` stands for a digest that is not known when candidate.yaml is written; exactly one is given."""
    (folder / "weights.sha256").write_text(f"{digest(folder / 'weights.safetensors')}  weights.safetensors\n")
    given = {"path": "weights.safetensors", "sha256_file": "weights.sha256"}
    write_settings(folder, {"checkpoint": given})
    load_candidate(folder, RECIPES)
    for wrong in (given | {"sha256": "0" * 64}, {"path": "weights.safetensors"}):
        write_settings(folder, {"checkpoint": wrong})
        with pytest.raises(InputError, match="give exactly one of sha256 and sha256_file"):
            load_candidate(folder, RECIPES)


def test_a_snapshot_can_be_read_as_the_candidate_it_was(folder: Path, tmp_path: Path) -> None:
    """Code, weights and settings are kept as they lay; data and builds are not code."""
    (folder / ".venv").mkdir()
    (folder / ".venv" / "other.py").write_text("")
    snapshot(load_candidate(folder, RECIPES), tmp_path / "kept")
    kept = {path.relative_to(tmp_path / "kept").as_posix() for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    assert kept == {"candidate.yaml", "adapter.py", "weights.safetensors", "one/words.py", "two/words.py"}
    assert digest(tmp_path / "kept" / "adapter.py") == digest(folder / "adapter.py")


def test_what_is_served_must_lie_in_the_folder(folder: Path) -> None:
    """A candidate that leans on files beside it could not be kept whole."""
    (folder / "weights.safetensors").rename(folder.parent / "weights.safetensors")
    given = {"path": "../weights.safetensors", "sha256": digest(folder.parent / "weights.safetensors")}
    (folder / "weights.safetensors").write_bytes(b"")
    write_settings(folder, {"checkpoint": given})
    with pytest.raises(InputError, match="lies outside the candidate's folder"):
        load_candidate(folder, RECIPES)


def test_data_may_be_shared_between_candidates(folder: Path) -> None:
    """The sets are copied at every launch, so they may lie anywhere."""
    shared = folder.parent / "shared.parquet"
    pd.read_parquet(folder / "data" / "evaluation.parquet").to_parquet(shared)
    text = (folder / "candidate.yaml").read_text()
    (folder / "candidate.yaml").write_text(text.replace("data/evaluation.parquet", "../shared.parquet"))
    assert load_candidate(folder, RECIPES).resolve("../shared.parquet") == shared.resolve()


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"name": "a b"}, "name: string should match pattern"),
        ({"name": "../up"}, "name: string should match pattern"),
        ({"variants": []}, "variants: tuple should have at least 1 item"),
        ({"variants": ["fp32", "fp32"]}, "a variant stands twice"),
        ({"task": "clustering"}, "input should be .classification., .regression. or .generation."),
        ({"data": {"evaluation": "s3://b/e.parquet", "calibration": "data/calibration.parquet", "production": "data/log"}},
         "only the production log is read from S3"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_meant_are_refused(folder: Path, settings: dict[str, object], wanted: str) -> None:
    """Names that would be paths, no variants, tasks not known: each with what is allowed."""
    write_settings(folder, settings)
    with pytest.raises(InputError, match=wanted):
        load_candidate(folder, RECIPES)
