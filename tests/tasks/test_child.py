"""Measurements in a process of their own: what becomes of one that raises, crashes or hangs."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tasks.child import measure
from tasks.records import Record, StageError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


class Ask(Record):
    """What the child is asked."""

    what: str


class Answer(Record):
    """What it answered."""

    said: str


CHILD = """
import os, signal, subprocess, sys, time
from tasks.child import serve
from tasks.records import Record

class Ask(Record):
    what: str

class Answer(Record):
    said: str

def answer(ask):
    if ask.what == "raise":
        raise ValueError("no such layer")
    if ask.what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if ask.what == "exit":
        sys.exit(0)
    if ask.what == "hang":
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(600)  # {os.getppid()} hangs"])
        time.sleep(600)
    print("noise")
    os.write(1, b"more noise")
    return Answer(said=os.environ.get("PYTHONHASHSEED", "none"))

if __name__ == "__main__":
    serve(Ask, answer)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module that a child process can run."""
    (tmp_path / "obedient_child.py").write_text(textwrap.dedent(CHILD))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "obedient_child"


def test_a_child_answers_with_a_record_whatever_it_prints(
    child: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its prints stay with it, and its strings hash as in production, with a seed of their own."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    assert measure(child, Ask(what="answer"), Answer, 30).said == "none"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("what", "wanted"),
    [
        ("raise", "obedient_child stopped: ValueError: no such layer"),
        ("crash", "obedient_child was ended by SIGSEGV"),
        ("exit", "obedient_child stopped: it said nothing"),
    ],
)
def test_a_child_that_fails_says_how(child: str, what: str, wanted: str) -> None:
    """An exception gives its last words, a crash its signal, and an early exit counts as no answer."""
    with pytest.raises(StageError, match=wanted):
        measure(child, Ask(what=what), Answer, 30)


def test_a_child_that_hangs_is_stopped_with_all_that_it_started(child: str) -> None:
    """After its time it is gone, and so is what it started itself."""
    started = time.monotonic()
    with pytest.raises(StageError, match=r"was not done after 1.5 s and was stopped"):
        measure(child, Ask(what="hang"), Answer, 1.5)
    assert time.monotonic() - started < 30
    time.sleep(0.2)
    mark = f"# {os.getpid()} hangs"
    left = [process for process in psutil.process_iter(["cmdline"]) if mark in " ".join(process.info["cmdline"] or ())]
    assert left == []


def test_a_child_ends_with_the_process_that_asked_it(child: str, tmp_path: Path) -> None:
    """Where even the parent is killed, nothing goes on measuring for nobody."""
    import subprocess

    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(f"""
        from tasks.child import measure
        from tasks.records import Record
        class Ask(Record):
            what: str
        measure("{child}", Ask(what="hang"), Ask, 600)
    """)], env=os.environ | {"PYTHONPATH": f"{os.getcwd()}{os.pathsep}{tmp_path}"})  # fmt: skip  # noqa: PTH109
    try:
        deadline = time.monotonic() + 30
        while not (found := [item for item in psutil.Process(parent.pid).children() if child in item.cmdline()]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        while not (hanging := found[0].children()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        parent.kill()
        parent.wait()
    psutil.wait_procs(found, timeout=10)
    assert not any(item.is_running() and item.status() != psutil.STATUS_ZOMBIE for item in found)
    for process in hanging:
        process.kill()
