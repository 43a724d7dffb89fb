"""Whether something that was made is still what its inputs would make, so that an unchanged step is not run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.files import digest, digest_of, write_whole

if TYPE_CHECKING:
    from pathlib import Path


def is_current(stamp: Path, inputs: list[str], output: Path) -> bool:
    """Say whether `output` is there, undamaged, and made from `inputs` (the digests of all that determines it)."""
    return stamp.is_file() and output.exists() and stamp.read_text(encoding="utf-8") == _content(inputs, output)


def write_stamp(stamp: Path, inputs: list[str], output: Path) -> None:
    """Record that `output`, as it is now, was made from `inputs`."""
    write_whole(stamp, _content(inputs, output).encode())


def _content(inputs: list[str], output: Path) -> str:
    return f"{digest_of(inputs, digest(output))}\n"
