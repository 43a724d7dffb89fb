"""Fixtures for whole launches: a home of their own, and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.command import Command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty LAUNCHGATE_HOME, with the ledger in it."""
    folder = tmp_path / "home"
    monkeypatch.setenv("LAUNCHGATE_HOME", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


@pytest.fixture
def command(home: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return the command line, at work in `home`."""
    assert not home.exists()
    return Command(capfd)
