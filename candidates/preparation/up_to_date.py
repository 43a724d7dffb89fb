"""Whether something that was made is still what its inputs would make, so that an unchanged step is not run again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.files import digest, digest_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable


def is_current(stamp: Path, inputs: list[str], output: Path) -> bool:
    """Say whether `output` is there, undamaged, and made from `inputs` (the digests of all that determines it)."""
    return stamp.is_file() and output.exists() and stamp.read_text(encoding="utf-8") == _content(inputs, output)


def write_stamp(stamp: Path, inputs: list[str], output: Path) -> None:
    """Record that `output`, as it is now, was made from `inputs`."""
    write_whole(stamp, _content(inputs, output).encode())


def make_once(folder: Path, inputs: list[str], make: Callable[[Path], None]) -> bool:
    """Let `make` fill a new folder in the place of `folder`, unless that is current; return whether anything was done.

    The folder is replaced as a whole, so that a stop halfway leaves the old one or none.
    """
    stamp = folder.with_suffix(".stamp")
    if is_current(stamp, inputs, folder):
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
        made = Path(scratch) / folder.name
        made.mkdir()
        make(made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    write_stamp(stamp, inputs, folder)
    return True


def size_of(path: Path) -> str:
    """Return the size of a file, or of all files in a folder, in words."""
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return f"{sum(item.stat().st_size for item in files) / 1e6:.2f} MB"


def _content(inputs: list[str], output: Path) -> str:
    return f"{digest_of(inputs, digest(output))}\n"
