"""A new candidate folder that launches as it stands: a tiny torch model, its data, and comments that say what to change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tasks.core.errors import InputError
from tasks.core.records import Name

TEMPLATE = Path(__file__).parent / "template"


def make_candidate(name: str) -> Path:
    """Write `candidates/NAME` under the current folder, train its tiny model, and return the folder.

    Raises InputError where the name cannot be one, or the folder is there already.
    """
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise InputError(
            f"'{name}' cannot be a candidate's name; use letters, digits, '.', '_' and '-', a letter or digit first"
        ) from error
    folder = Path("candidates") / name
    if folder.exists():
        raise InputError(f"{folder} is there already; choose another name, or remove it")
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__", "build", "data"))
    settings = folder / "candidate.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("NAME", name), encoding="utf-8")
    subprocess.run([sys.executable, str(folder / "prepare.py")], check=True, stdout=subprocess.DEVNULL)
    return folder
