"""A prediction log as the sampler sees it: named files, some in folders `dt=YYYY-MM-DD`, that open as raw streams."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import RawIOBase

LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
FORMATS = (*LINES, ".parquet")
PARTITION = re.compile(r"(?:^|/)dt=(\d{4}-\d{2}-\d{2})/")


class LogFile(NamedTuple):
    """A file of the log: its name from the log's root with `/` between folders, and a version that content changes."""

    name: str
    size_bytes: int
    version: str


class LogSource(Protocol):
    """Where a log lies."""

    @property
    def address(self) -> str:
        """The folder or `s3://` address that the user gave."""

    def files(self) -> Sequence[LogFile]:
        """Return every file of the log, of any format, sorted by name."""

    def open(self, file: LogFile) -> RawIOBase:
        """Return the file as an unbuffered, seekable stream of bytes whose reads are whole but at its end."""


def is_log(name: str) -> bool:
    """Tell whether a file's name says that it holds log rows."""
    return name.lower().endswith(FORMATS)


def may_hold(name: str, start: datetime, end: datetime) -> bool:
    """Tell whether a file may hold requests of the window (start, end]: false only for a day outside of it, in UTC."""
    found = PARTITION.search(name)
    if found is None:
        return True
    try:
        day = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return True
    return day <= end and day + timedelta(days=1) > start
