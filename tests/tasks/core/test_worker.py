"""Measurements in a process of their own: what becomes of one that raises, crashes or hangs."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from tasks.core.errors import ModelError, StageError
from tasks.core.records import Record
from tasks.core.worker import Conversation, run_worker

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
from tasks.core.worker import answer_request, answer_requests
from tasks.core.errors import StageError
from tasks.core.records import Record

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
    if ask.what == "read":
        return Answer(said=subprocess.run(["cat"], capture_output=True, text=True).stdout or "nothing")
    if ask.what == "refuse":
        raise StageError("there is\\nnone")
    print("noise")
    os.write(1, b"more noise")
    return Answer(said=os.environ.get("PYTHONHASHSEED", "none"))

def start(opening):
    asked = []
    def count(ask):
        asked.append(ask)
        if answer(ask).said == "nothing":
            return Answer(said="nothing")
        return Answer(said=f"{opening.what} {len(asked)}")
    return count

if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer_request(Ask, answer)
    else:
        answer_requests(Ask, start, Ask)
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
    assert run_worker(child, Ask(what="answer"), Answer, 30).said == "none"
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
        run_worker(child, Ask(what=what), Answer, 30)


def test_a_child_that_hangs_is_stopped_with_all_that_it_started(child: str) -> None:
    """After its time it is gone, and so is what it started itself."""
    started = time.monotonic()
    with pytest.raises(StageError, match=r"was not done after 1.5 s and was stopped"):
        run_worker(child, Ask(what="hang"), Answer, 1.5)
    assert time.monotonic() - started < 30
    time.sleep(0.2)
    mark = f"# {os.getpid()} hangs"
    left = [process for process in psutil.process_iter(["cmdline"]) if mark in " ".join(process.info["cmdline"] or ())]
    assert left == []


def test_a_child_ends_with_the_process_that_asked_it(child: str, tmp_path: Path) -> None:
    """Where even the parent is killed, nothing goes on measuring for nobody."""
    import subprocess

    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(f"""
        from tasks.core.worker import Conversation, run_worker
        from tasks.core.records import Record
        class Ask(Record):
            what: str
        run_worker("{child}", Ask(what="hang"), Ask, 600)
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


def test_a_conversation_keeps_its_child_from_one_answer_to_the_next(child: str) -> None:
    """It is opened once, what it prints is no answer, and where it has none it says why and goes on."""
    talk = Conversation(child, Ask(what="opened"))
    try:
        assert talk.ask(Ask(what="answer"), Answer, 30).said == "opened 1"
        with pytest.raises(StageError, match=r"^there is none$"):
            talk.ask(Ask(what="refuse"), Answer, 30)
        assert talk.ask(Ask(what="answer"), Answer, 30).said == "opened 3"
    finally:
        talk.close()


def test_what_a_child_starts_cannot_read_its_requests(child: str) -> None:
    """It would wait for the next one, and take it away."""
    talk = Conversation(child, Ask(what="opened"))
    try:
        assert talk.ask(Ask(what="read"), Answer, 30).said == "nothing"
        assert talk.ask(Ask(what="answer"), Answer, 30).said == "opened 2"
    finally:
        talk.close()


@pytest.mark.parametrize(
    ("what", "seconds", "wanted"),
    [
        ("raise", 30, "obedient_child stopped: ValueError: no such layer"),
        ("crash", 30, "obedient_child was ended by SIGSEGV"),
        ("hang", 1.5, "obedient_child was not done after 1.5 s and was stopped"),
    ],
)
def test_a_conversation_that_breaks_off_says_how_and_stays_over(
    child: str, what: str, seconds: float, wanted: str
) -> None:
    """And a later request is not taken for one that could be answered."""
    talk = Conversation(child, Ask(what="opened"))
    try:
        with pytest.raises(StageError, match=wanted) as told:
            talk.ask(Ask(what=what), Answer, seconds)
        assert isinstance(told.value, ModelError) == (what != "raise")
        with pytest.raises(StageError, match="obedient_child "):
            talk.ask(Ask(what="answer"), Answer, 30)
    finally:
        talk.close()
