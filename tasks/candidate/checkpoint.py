"""Look into a checkpoint before any code of the candidate sees it: weights are data, and data must not run code."""

from __future__ import annotations

import json
import pickletools
import warnings
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import InputError
from tasks.core.files import SKIPPED_NAMES

if TYPE_CHECKING:
    from pathlib import Path

ACCEPTED = (
    "safetensors, an archive that torch.load(weights_only=True) reads, .npy/.npz without objects, JSON, or plain text"
)
TEXT_SUFFIXES = {".txt", ".md", ".yaml", ".yml", ".vocab", ".merges", ".csv", ".tsv"}
PICKLE_START = b"\x80"
PICKLED = "it is a pickle that can run code when loaded"


def inspect_checkpoint(path: Path) -> None:
    """Refuse a checkpoint (a file or a folder) in which any file is not plain data.

    Raises InputError that names the file and the reason.
    """
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    files = [item for item in files if not SKIPPED_NAMES.intersection(item.parts)]
    if not files:
        raise InputError(f"the checkpoint {path} holds no file; give the folder or file with the weights")
    for item in files:
        try:
            _inspect_file(item)
        except InputError:
            raise
        except Exception as error:
            why = PICKLED if _is_pickle(item) else f"it cannot be read as what it seems to be ({_short(error)})"
            raise InputError(_refusal(item, why)) from error


def _inspect_file(path: Path) -> None:
    with path.open("rb") as stream:
        start = stream.read(16)
    if path.suffix == ".safetensors":
        _read_safetensors(path)
    elif path.suffix in {".npy", ".npz"}:
        _read_numpy(path)
    elif path.suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix in TEXT_SUFFIXES and not start.startswith(PICKLE_START):
        path.read_text(encoding="utf-8")
    elif zipfile.is_zipfile(path) or start.startswith(PICKLE_START) or path.suffix in {".pt", ".pth", ".bin", ".ckpt"}:
        _read_torch(path)
    else:
        _read_safetensors(path)


def _read_safetensors(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as tensors:
        list(tensors.keys())


def _read_numpy(path: Path) -> None:
    loaded = np.load(path, allow_pickle=False, mmap_mode="r")
    if isinstance(loaded, np.lib.npyio.NpzFile):
        for name in loaded.files:
            loaded[name]


def _read_torch(path: Path) -> None:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.load(path, map_location="meta", weights_only=True)
    except Exception as error:
        why = PICKLED if "weights_only" in str(error).lower() else _short(error)
        raise InputError(_refusal(path, why)) from error


def _is_pickle(path: Path) -> bool:
    """Tell whether a file reads as pickle instructions to their end; none of them is carried out."""
    with path.open("rb") as stream:
        try:
            return all(True for _ in pickletools.genops(stream))
        except ValueError:
            return False


def _refusal(path: Path, why: str) -> str:
    return (
        f"the checkpoint file {path} is refused: {why}. launchgate accepts {ACCEPTED}; "
        "save the weights with safetensors.torch.save_file(model.state_dict(), ...)"
    )


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160] if str(error).strip() else 'no message'}"
