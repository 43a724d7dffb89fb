"""A launch's own files kept so that it can be served again: by the next launch's comparison, or after a dependency bump."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tasks.candidate.folder import own_files
from tasks.core.errors import StageError
from tasks.core.files import write_whole
from tasks.core.records import Candidate, Variant

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.run_folder import RunFolder, VariantFolder

RECORD = "candidate.json"


def snapshot(candidate: Candidate, into: Path) -> None:
    """Copy into `into` what serving the candidate takes, laid out as in its folder: code, weights, lock, candidate.yaml."""
    for source in own_files(candidate):
        target = into / source.relative_to(candidate.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)


def keep_candidate(candidate: Candidate, run_folder: RunFolder) -> None:
    """Write into `run_folder.candidate` what serving it takes, and its record with absolute addresses of its data."""
    into = run_folder.candidate
    snapshot(candidate, into)
    data = candidate.data
    whole = data.model_copy(
        update={
            name: candidate.address(address)
            for name, address in (
                ("evaluation", data.evaluation), ("calibration", data.calibration), ("production", data.production),
            )
        }
    )  # fmt: skip
    write_whole(into / RECORD, candidate.model_copy(update={"data": whole}).model_dump_json(indent=2).encode())


def keep_graphs(variant: Variant, out: VariantFolder) -> None:
    """Put the variant's graphs under `out.graphs`, linked where the disk allows and copied where not."""
    for name, path in variant.graphs.items():
        for source in (path, *path.parent.glob("*.data")):
            target = out.graphs / (f"{name}.onnx" if source == path else source.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)


def load_kept(candidate_folder: Path, variant: str, variant_folder: VariantFolder) -> tuple[Candidate, Variant]:
    """Return the candidate and variant that `keep_candidate` and `keep_graphs` wrote, wherever they lie now.

    Raises StageError where files are gone, or were written by a version of launchgate that kept other things.
    """
    record = candidate_folder / RECORD
    graphs = {path.stem: path for path in sorted(variant_folder.graphs.glob("*.onnx"))}
    if not record.is_file() or not graphs:
        raise StageError(f"the recorded files are gone: {record if not record.is_file() else variant_folder.graphs}")
    try:
        kept = Candidate.model_validate_json(record.read_bytes())
    except ValidationError as error:
        raise StageError(
            f"{record.name} is not as this version of launchgate reads it: {error.errors()[0]['msg']}"
        ) from error
    candidate = kept.model_copy(update={"folder": candidate_folder})
    size = sum(path.stat().st_size for path in graphs.values())
    return candidate, Variant(name=variant, sha256="0" * 64, graphs=graphs, size_bytes=size)
