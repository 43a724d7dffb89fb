"""Packages in other versions than the installed ones, for a model to be asked with those that it was launched with."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import TYPE_CHECKING

from tasks.core.errors import StageError
from tasks.core.files import digest_of
from tasks.core.store import build_once
from tasks.environment.describe import installed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INSTALL_SECONDS = 900
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--retries", "2")


def differing(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return those of the `wanted` versions, by a distribution's canonical name, that are not installed here."""
    here = installed()
    return {name: version for name, version in wanted.items() if here.get(name) != version}


def lay_over(packages: Mapping[str, str], python: str) -> Path:
    """Return a folder that holds these versions and nothing else, made by pip at the first call for them.

    A process that has it first on its path imports them in place of the installed ones. `python` is the version that they
    ran on. Raises StageError where that is another minor version than this one, or where pip cannot get them.
    """
    here = platform.python_version()
    if _minor(python) != _minor(here):
        raise StageError(f"it ran on Python {python}, and this is {here}")
    asked = [f"{name}=={version}" for name, version in sorted(packages.items())]

    def install(folder: Path) -> None:
        command = [sys.executable, *PIP, "--target", str(folder), *asked]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise StageError(
                f"pip was not done with {', '.join(asked)} after {INSTALL_SECONDS} s and was stopped"
            ) from error
        if done.returncode != 0:
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["it said nothing"]
            raise StageError(f"pip cannot install {', '.join(asked)}: {said[-1].strip()}")

    return build_once(f"packages-{digest_of({'python': _minor(here), 'packages': asked})}", install)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
