"""The store of what is built: once a key, whole, and in the home that the environment names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tasks.core.errors import InputError
from tasks.core.store import build_once, home

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home."""
    monkeypatch.setenv("LAUNCHGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def writer(text: str, calls: list[Path] | None = None) -> Callable[[Path], None]:
    """Return a build that writes one file, and notes where it was called."""

    def build(draft: Path) -> None:
        if calls is not None:
            calls.append(draft)
        (draft / "x").write_text(text)

    return build


def test_a_build_is_done_once(own_home: Path) -> None:
    """The second call finds what the first one built."""
    calls: list[Path] = []
    for _ in range(2):
        folder = build_once("key", writer("1", calls))
        assert (folder / "x").read_text() == "1"
    assert len(calls) == 1
    assert folder.parent == own_home / "store"


def test_a_build_that_is_interrupted_leaves_nothing(own_home: Path) -> None:
    """Neither an error nor Ctrl-C leaves a half-filled folder that a later launch would take for whole."""

    def stopped(draft: Path) -> None:
        (draft / "half").write_text("")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once("key", stopped)
    assert list((own_home / "store").iterdir()) == []
    assert (build_once("key", writer("1")) / "x").exists()


def test_a_folder_that_was_not_completed_is_built_anew(own_home: Path) -> None:
    """What a killed process left under the key is replaced."""
    (own_home / "store" / "key").mkdir(parents=True)
    (own_home / "store" / "key" / "old").write_text("")
    folder = build_once("key", writer(""))
    assert (folder / "x").exists()
    assert not (folder / "old").exists()


def test_builders_at_the_same_time_agree(own_home: Path) -> None:
    """Of several builders of one key the first to finish is kept, and all of them return it."""
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda turn: build_once("key", writer(str(turn))), range(8)))
    assert folders == {own_home / "store" / "key"}
    assert {path.name for path in (own_home / "store").iterdir()} == {"key"}


def test_home_is_where_the_environment_says(own_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """LAUNCHGATE_HOME, else a hidden folder here; another thing of that name is refused."""
    assert home() == own_home
    own_home.write_text("")
    with pytest.raises(InputError, match="is no folder"):
        home()
    monkeypatch.delenv("LAUNCHGATE_HOME")
    monkeypatch.chdir(tmp_path)
    assert home() == tmp_path / ".launchgate"
