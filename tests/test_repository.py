"""What git tracks: text of a readable size, in the folders that the house knows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IMAGES = "docs/images/"
MOST_BYTES = 1_000_000
FOLDERS = {"candidates", "expectations", "flows", "tasks", "infra", "tests", "benchmarks", "docs"}
FILES = {
    ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "prefect.yaml", "pyproject.toml",
}  # fmt: skip
BINARY = {
    ".7z", ".bin", ".bmp", ".bz2", ".ckpt", ".db", ".dll", ".dylib", ".egg", ".exe", ".gif", ".gz", ".h5", ".ico", ".jar",
    ".jpeg", ".jpg", ".joblib", ".npy", ".npz", ".o", ".onnx", ".parquet", ".pdf", ".pickle", ".pkl", ".png", ".pt", ".pth",
    ".pyc", ".safetensors", ".so", ".sqlite", ".tar", ".tgz", ".webp", ".whl", ".xz", ".zip", ".zst",
}  # fmt: skip


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """Return the paths that git tracks and that are in this checkout; skips where this is no checkout, as in a source archive."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    asked = ["git", "-C", str(ROOT), "ls-files", "-z", "--full-name", "--", ":/"]
    top = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=False
    )
    if top.returncode or Path(top.stdout.strip()).resolve() != ROOT.resolve():
        pytest.skip("this folder is no git checkout")
    listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.split("\0") if path and (ROOT / path).exists()]


def is_binary(path: str, data: bytes) -> bool:
    """Return whether a file is no text: by a suffix of its name, or by a NUL byte in it."""
    return bool(BINARY.intersection(Path(path.lower()).suffixes)) or b"\0" in data


def test_binary_files_are_told_from_text() -> None:
    """A wheel is known by its name, and other bytes by a NUL among them; a text with many dots in its name is text."""
    assert is_binary("vendor/thing-1.0-py3-none-any.whl", b"")
    assert is_binary("data/log.jsonl.gz", b"")
    assert is_binary("notes", b"a\0b")
    assert not is_binary("docs/decision.schema.json", b"{}\n")


def test_no_binary_file_is_tracked(tracked: list[str]) -> None:
    """Outside of docs/images everything can be read and reviewed as text."""
    found = [path for path in tracked if not path.startswith(IMAGES) and is_binary(path, (ROOT / path).read_bytes())]
    assert found == [], f"git tracks binary files: {found}; remove them, or have prepare.py fetch them"


def test_images_are_pictures(tracked: list[str]) -> None:
    """docs/images is for pictures, and no way around the rule above."""
    assert {Path(path).suffix for path in tracked if path.startswith(IMAGES)} <= {".png"}


def test_no_file_is_large(tracked: list[str]) -> None:
    """A clone stays quick: no file is over a megabyte."""
    sizes = {path: (ROOT / path).stat().st_size for path in tracked}
    assert {path: size for path, size in sizes.items() if size > MOST_BYTES} == {}


def test_what_stands_at_the_top_is_known(tracked: list[str]) -> None:
    """A new folder or file at the top gets its reason first, and its line in the README."""
    top = {path.partition("/")[0] for path in tracked}
    assert top - FOLDERS - FILES == set(), (
        "not known at the top: put it into one of the folders, or say here what it is"
    )


def test_the_readme_has_a_line_for_every_folder() -> None:
    """The map of the house in the README names each folder, once."""
    house = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## The house\n")[2]
    assert sorted(re.findall(r"^(\w+)/ ", house, re.MULTILINE)) == sorted(FOLDERS)
