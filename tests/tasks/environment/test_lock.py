"""What the serving path imports, against the lock."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from support.tiny import write_tiny

from tasks.candidate.folder import load_candidate
from tasks.core.files import digest
from tasks.environment.lock import HOUSE_LOCK, check_dependencies, lock_of, read_lock
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evidence import DependencyEvidence

NUMPY = f"numpy=={version('numpy')}"


def held_against(folder: Path, lock: str, modules: tuple[str, ...] = ("numpy",)) -> DependencyEvidence:
    """Return the evidence of a tiny candidate with its own lock."""
    write_tiny(folder)
    (folder / "requirements.txt").write_text(lock)
    return check_dependencies(load_candidate(folder, RECIPES), modules)


def test_a_lock_of_exact_versions_holds(tmp_path: Path) -> None:
    """What is imported, locked to one version and installed as locked gives nothing to say."""
    found = held_against(tmp_path, f"# made by hand\n{NUMPY} --hash=sha256:00 \\\n    --hash=sha256:11\n\n")
    assert (found.lock, found.imported) == ("requirements.txt", {"numpy": version("numpy")})
    assert (found.not_exact, found.not_locked, found.drifted) == ((), (), ())
    assert found.lock_sha256 == digest(tmp_path / "requirements.txt")


@pytest.mark.parametrize(
    "line",
    ["numpy>=1", "numpy", "numpy==2.*", "numpy==2.0,!=2.1", "-e .", "numpy @ https://example.org/numpy.whl", "???"],
)
def test_a_line_that_fixes_no_version_is_named_with_its_number(tmp_path: Path, line: str) -> None:
    """Ranges, wildcards, editable installs and addresses without a digest can be another thing tomorrow."""
    (tmp_path / "lock.txt").write_text(f"orjson==3.0 \\\n    --hash=sha256:00\n{line}\n")
    exact, loose = read_lock(tmp_path / "lock.txt")
    assert (list(exact), loose) == (["orjson"], [f"lock.txt:3: {line}"])


def test_another_version_than_locked_has_drifted(tmp_path: Path) -> None:
    """What runs is not what was locked."""
    found = held_against(tmp_path, "numpy==0.1\nnot-a-package-here==1.0\n")
    assert found.drifted == (
        "not-a-package-here not installed (locked: ==1.0)", f"numpy {version('numpy')} (locked: ==0.1)",
    )  # fmt: skip


def test_what_is_imported_must_stand_in_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of a distribution that neither the candidate's lock nor the house's holds is named."""
    (tmp_path / "house.txt").write_text("")
    monkeypatch.setattr("tasks.environment.lock.HOUSE_LOCK", tmp_path / "house.txt")
    found = held_against(tmp_path / "tiny", NUMPY, modules=("numpy", "orjson", "yaml", "os", "tasks"))
    assert found.not_locked == ("orjson", "pyyaml")


def test_a_lock_may_lean_on_another_and_on_markers(tmp_path: Path) -> None:
    """Included files count; lines for another platform do not."""
    (tmp_path / "base.txt").write_text(f"{NUMPY}\n")
    (tmp_path / "lock.txt").write_text("-r base.txt\n--index-url https://example.org\nx==1; sys_platform == 'win32'\n")
    exact, loose = read_lock(tmp_path / "lock.txt")
    assert (list(exact), loose) == (["numpy"], [])


def test_a_candidates_own_lock_comes_before_the_houses(tmp_path: Path) -> None:
    """`lock:` in candidate.yaml, else a file of a usual name in the folder, else the one the environment is made from."""
    folder = write_tiny(tmp_path / "tiny")
    assert lock_of(load_candidate(folder, RECIPES)) == HOUSE_LOCK
    (folder / "requirements.txt").write_text(NUMPY)
    assert lock_of(load_candidate(folder, RECIPES)) == folder / "requirements.txt"
    (folder / "pins.txt").write_text(NUMPY)
    write_tiny(folder, settings={"lock": "pins.txt"})
    assert lock_of(load_candidate(folder, RECIPES)) == folder / "pins.txt"


def test_the_houses_lock_is_exact() -> None:
    """Every line of the lock that the environment is made from fixes one version."""
    exact, loose = read_lock(HOUSE_LOCK)
    assert loose == []
    assert {"torch", "onnxruntime-gpu", "prefect", "mlflow", "great-expectations"} <= set(exact)
