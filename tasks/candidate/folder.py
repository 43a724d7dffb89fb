"""Read a candidate's folder: its `candidate.yaml`, its weights, and what its content is known by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.candidate.checkpoint import inspect_checkpoint
from tasks.core.errors import InputError
from tasks.core.files import digest, digest_of
from tasks.core.records import Candidate
from tasks.core.yaml_records import read_record

if TYPE_CHECKING:
    from collections.abc import Collection


def load_candidate(folder: Path | str, recipes: Collection[str]) -> Candidate:
    """Return the candidate in `folder`, every path checked and the weights inspected before any code of it runs.

    `recipes` are the names that its variants may have.

    Raises InputError with every mistake of `candidate.yaml` at once, or where the weights could run code when loaded.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise InputError(
            f"there is no candidate folder at {folder}; give the folder that holds candidate.yaml, "
            "or make one with `launchgate init NAME`"
        )
    path = folder / "candidate.yaml"
    if not path.is_file():
        raise InputError(f"{folder} has no candidate.yaml; write one, or make a folder with `launchgate init NAME`")
    context = {"folder": folder, "variants": tuple(recipes)}
    candidate = read_record(path, Candidate, context, folder=folder)
    for source in own_files(candidate):
        if not source.is_relative_to(folder):
            raise InputError(f"{source} lies outside the candidate's folder {folder}; move it inside")
    inspect_checkpoint(candidate.resolve(candidate.checkpoint.path))
    return candidate


def code_files(candidate: Candidate) -> list[Path]:
    """Return the candidate's Python files, sorted; data, builds and hidden folders are left out."""
    kept = [
        path
        for path in candidate.folder.rglob("*.py")
        if not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(candidate.folder).parts)
    ]
    return sorted({*kept, candidate.resolve(candidate.adapter)})


def candidate_digest(candidate: Candidate) -> str:
    """Return the SHA-256 of all that makes the candidate: configuration, code, weights and fixed data."""
    settings = candidate.model_dump(mode="json", exclude={"folder", "policy", "data"})
    data = [digest(candidate.resolve(path)) for path in (candidate.data.evaluation, candidate.data.calibration)]
    return digest_of(settings, model_digest(candidate), data)


def model_digest(candidate: Candidate) -> str:
    """Return the SHA-256 of the model alone, code and weights: what an export depends on."""
    code = {path.relative_to(candidate.folder).as_posix(): digest(path) for path in code_files(candidate)}
    return digest_of(candidate.adapter, code, digest(candidate.resolve(candidate.checkpoint.path)))


def own_files(candidate: Candidate) -> list[Path]:
    """Return what a candidate is served from: candidate.yaml, code, weights (a file or a folder), digest and lock."""
    named = (candidate.checkpoint.path, candidate.checkpoint.sha256_file, candidate.lock)
    return [
        candidate.folder / "candidate.yaml",
        *code_files(candidate),
        *(candidate.resolve(path) for path in named if path),
    ]
