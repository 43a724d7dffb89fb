"""Folders known by the content that determines them, so that an unchanged stage is not run twice."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

DONE = ".complete"


def home() -> Path:
    """Return the folder of everything that launches leave on this machine: `$LAUNCHGATE_HOME`, else `.launchgate` here.

    Raises InputError where something else has that name.
    """
    folder = Path(os.environ.get("LAUNCHGATE_HOME") or ".launchgate").resolve()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder, so nothing can be kept there; set LAUNCHGATE_HOME to another place")
    return folder


def build_once(key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder under `key`, calling `build(folder)` to fill it if no complete one is there.

    An interrupted build leaves nothing under `key`; of two builders at once, the first to finish is kept.
    """
    folder = home() / "store" / key
    if (folder / DONE).exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{key[:12]}."))
    try:
        build(draft)
        (draft / DONE).touch()
        if folder.exists() and not (folder / DONE).exists():
            shutil.rmtree(folder)
        try:
            draft.rename(folder)
        except OSError:
            if not (folder / DONE).exists():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder
