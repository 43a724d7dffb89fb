"""Digests of files and folders, and writes that are whole or not at all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tasks.core.files import digest, digest_of, write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folders_digest_is_that_of_its_sorted_file_digests(tmp_path: Path) -> None:
    """The format is that of sha256sum over relative paths, so that anyone can check it."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"1")
    (tmp_path / "a").write_bytes(b"2")
    lines = f"{hashlib.sha256(b'2').hexdigest()}  a\n{hashlib.sha256(b'1').hexdigest()}  b/x\n"
    assert digest(tmp_path) == hashlib.sha256(lines.encode()).hexdigest()


def test_a_folders_digest_sees_names_and_not_leftovers(tmp_path: Path) -> None:
    """A renamed file is another content; the interpreter's cache is none."""
    (tmp_path / "a").write_bytes(b"1")
    before = digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert digest(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert digest(tmp_path) != before


def test_equal_content_has_equal_digests() -> None:
    """The order of keys is no content; types are."""
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of("1") != digest_of(1)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    """A reader sees the old bytes or the new ones, and no temporary file stays."""
    path = tmp_path / "f"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_whole(path, "no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
