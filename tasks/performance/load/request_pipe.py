"""The queue between a generator and a server: a named pipe, in which requests wait without either side's help."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

QUEUE_BYTES = 1 << 20  # the most that Linux gives a pipe without privileges: 65,536 requests


class Queue:
    """A named pipe at `path` that stays open, whoever else writes to it, until it is closed here."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path, self._closed = path, False
        self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.writer = os.open(path, os.O_WRONLY)
        os.set_blocking(self.reader, True)
        with contextlib.suppress(OSError, AttributeError):  # a smaller one holds fewer requests that wait
            fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, QUEUE_BYTES)

    def close(self) -> None:
        """Close it for writing: what is in it can still be read, and then the reader knows that nothing more comes."""
        if not self._closed:
            self._closed = True
            os.close(self.writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        os.close(self.reader)
