"""Files known by content: SHA-256 of files and folders, and writes that are whole or not there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SKIPPED_NAMES = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or of a folder's sorted lines of file digest, two spaces, relative path."""
    if path.is_dir():
        lines = sorted(
            (item.relative_to(path).as_posix(), item)
            for item in path.rglob("*")
            if item.is_file() and not SKIPPED_NAMES.intersection(item.relative_to(path).parts)
        )
        return digest_bytes("".join(f"{digest(item)}  {name}\n" for name, item in lines).encode())
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_of(*parts: Any) -> str:
    """Return the SHA-256 of JSON-able parts, keys sorted, so that equal content has an equal digest."""
    import orjson  # not on a slim worker

    return digest_bytes(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str))


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step: a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o644)  # noqa: PTH101  mkstemp's 0600 would hide artifacts from a server's other users
        os.replace(temporary, path)  # noqa: PTH105  both are strings of the same folder
    except BaseException:
        os.unlink(temporary)  # noqa: PTH108  same
        raise
