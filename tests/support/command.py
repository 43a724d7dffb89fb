"""The command line in this process: what it prints on each stream, and the status it leaves with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Command:
    """Runs `launchgate` with the file descriptors captured, so that prints from C are seen too."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: str | Path) -> Said:
        """Run one command to its end."""
        from flows.cli import main

        self._capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = self._capfd.readouterr()
        return Said(int(left.value.code or 0), out, err)

    def refuses(self, *arguments: str | Path) -> str:
        """Run a command that must leave with status 2, nothing on standard output and no stack trace; return its message."""
        said = self(*arguments)
        assert (said.code, said.out) == (2, ""), said
        assert "Traceback" not in said.err
        assert said.err.startswith("launchgate: ")
        return said.err.removeprefix("launchgate: ").rstrip("\n")
