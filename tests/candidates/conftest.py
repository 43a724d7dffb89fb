"""What the tests of the example candidates share: their scripts on the path, and one freshly made data folder."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from support.example_candidates import CANDIDATES, ReadLog, read_log

if TYPE_CHECKING:
    from pathlib import Path

sys.path.insert(0, str(CANDIDATES / "preparation"))


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sentiment data, made for this test session."""
    from sentiment_data import prepare_data

    folder = tmp_path_factory.mktemp("data") / "sentiment"
    assert prepare_data(folder)
    return folder


@pytest.fixture(scope="session")
def log(data_folder: Path) -> ReadLog:
    """Return the whole production log, read without launchgate's own reader."""
    return read_log(data_folder / "log")
