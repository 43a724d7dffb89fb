"""A server that all processes of a test run share: the first that asks for it starts it, and ends it after the last."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


@contextmanager
def shared(folder: Path, name: str, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """Yield the address that `start` yields, started once for all processes that use the same `folder` and `name`.

    The process that started it waits at the end until no other uses it. One that asks later starts another.
    """
    address = folder / f"{name}.address"
    with (folder / f"{name}.starting").open("w") as starting, (folder / f"{name}.users").open("w") as users:
        fcntl.flock(starting, fcntl.LOCK_EX)
        server = None if address.exists() else start()
        if server is not None:
            address.write_text(server.__enter__(), encoding="utf-8")
        fcntl.flock(users, fcntl.LOCK_SH)
        found = address.read_text(encoding="utf-8")
        fcntl.flock(starting, fcntl.LOCK_UN)
        try:
            yield found
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            if server is not None:
                fcntl.flock(starting, fcntl.LOCK_EX)
                address.unlink()
                fcntl.flock(starting, fcntl.LOCK_UN)
                fcntl.flock(users, fcntl.LOCK_EX)
                server.__exit__(None, None, None)
