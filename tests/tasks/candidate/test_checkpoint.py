"""Weights are data: what is accepted as such; what is refused, tests/flows/test_bad_input.py shows through the command."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tasks.candidate.checkpoint import inspect_checkpoint
from tasks.core.errors import InputError
from tasks.core.files import digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATE = {"weight": torch.ones(2, 3), "bias": torch.zeros(3)}


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("model.safetensors", lambda path: save_file(STATE, path)),
        ("weights", lambda path: save_file(STATE, path)),
        ("model.pt", lambda path: torch.save(STATE, path)),
        ("model.pth", lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False)),
        ("model.ckpt", lambda path: torch.save({"state_dict": STATE, "epoch": 3}, path)),
        ("weights.npz", lambda path: np.savez(path, a=np.ones(3))),
        ("weights.npy", lambda path: np.save(path, np.ones(3))),
        ("config.json", lambda path: path.write_text(json.dumps({"layers": 2}))),
        ("vocab.txt", lambda path: path.write_text(".\nthe\nof\n")),
    ],
)
def test_plain_data_is_accepted(tmp_path: Path, name: str, write: Callable[[Path], Any]) -> None:
    """Safetensors, torch state dicts of both formats, numpy arrays, JSON and text are data; alone and in a folder."""
    write(tmp_path / name)
    before = digest(tmp_path / name)
    inspect_checkpoint(tmp_path / name)
    inspect_checkpoint(tmp_path)
    assert digest(tmp_path / name) == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("model.safetensors", b"not at all", "cannot be read as what it seems to be"),
        ("config.json", b"{", "cannot be read as what it seems to be"),
        ("model.pt", b"", "refused"),
        ("objects.npy", None, "Python objects in dtype"),
        ("vocab.txt", pickle.dumps([1]), "refused"),
        ("weights.dat", b"cos\nsystem\n(S'true'\ntR.", "it is a pickle that can run code when loaded"),
    ],
)
def test_what_cannot_be_read_as_data_is_refused(tmp_path: Path, name: str, content: bytes | None, why: str) -> None:
    """Broken files, pickles under other names and arrays of objects are refused with the reason."""
    if content is None:
        np.save(tmp_path / name, np.array([{}], dtype=object), allow_pickle=True)
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=why):
        inspect_checkpoint(tmp_path / name)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    """An empty folder holds no weights; what an editor or the interpreter leaves does not count."""
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "adapter.pyc").write_bytes(b"\0")
    with pytest.raises(InputError, match="holds no file"):
        inspect_checkpoint(tmp_path)
