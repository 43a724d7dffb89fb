"""Packages of a launch laid over those that are installed: only what differs, by pip, once."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
from support.wheels import write_wheel

from tasks.core.errors import StageError
from tasks.core.records import Record
from tasks.core.worker import run_worker
from tasks.environment.overlay import differing, lay_over

if TYPE_CHECKING:
    from pathlib import Path

THIS = platform.python_version()


class Nothing(Record):
    """A request without content."""


class Version(Record):
    """The version of `shades` that a process imports, and that its metadata tell."""

    imported: str
    told: str


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder that pip looks in, with two versions of `shades`; what is made lies in a home of its own."""
    folder = tmp_path / "wheels"
    for name in ("1.0", "2.0"):
        write_wheel(folder, "shades", name, f'VERSION = "{name}"\n')
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("LAUNCHGATE_HOME", str(tmp_path / "home"))
    return folder


CHILD = """
import shades
from tasks.core.worker import answer_request
from tasks.environment.describe import installed
from tasks.core.records import Record

class Nothing(Record):
    pass

class Version(Record):
    imported: str
    told: str

if __name__ == "__main__":
    answer_request(Nothing, lambda _: Version(imported=shades.VERSION, told=installed()["shades"]))
"""


def test_only_what_is_not_installed_in_that_version_differs() -> None:
    """A version that is installed needs nothing; another one, or a package that is not there, does."""
    wanted = {"numpy": version("numpy"), "pandas": "0.1", "no-such-package": "1.0"}
    assert differing(wanted) == {"pandas": "0.1", "no-such-package": "1.0"}


@pytest.mark.process
@pytest.mark.usefixtures("wheels")
def test_a_process_imports_what_was_laid_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module and its metadata are those of the version asked for, though another one is on the path already."""
    (tmp_path / "teller.py").write_text(CHILD)
    old, new = (lay_over({"shades": name}, THIS) for name in ("1.0", "2.0"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(new), str(tmp_path)]))
    for folder, name in ((None, "2.0"), (old, "1.0"), (new, "2.0")):
        found = run_worker("teller", Nothing(), Version, 60, folder)
        assert (found.imported, found.told) == (name, name)


@pytest.mark.process
def test_pip_is_asked_once(wheels: Path) -> None:
    """The second call for the same versions finds the folder of the first, also where pip could not make it any more."""
    folder = lay_over({"shades": "1.0"}, THIS)
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert lay_over({"shades": "1.0"}, THIS) == folder
    with pytest.raises(StageError, match=r"pip cannot install shades==2\.0: .*shades==2\.0"):
        lay_over({"shades": "2.0"}, THIS)


def test_another_python_is_refused() -> None:
    """Wheels of one minor version of Python do not run on another."""
    with pytest.raises(StageError, match=r"it ran on Python 2\.7\.18, and this is 3\."):
        lay_over({"shades": "1.0"}, "2.7.18")
