"""A stage shows that it is alive: on a terminal in one line that is redrawn, in a log in a line every so often."""

from __future__ import annotations

import io
import logging
import time
from typing import TYPE_CHECKING

import pytest

from tasks.report import progress
from tasks.report.progress import ERASE_LINE, ProgressHandler, Running, alive, duration, planned, running

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAN = {"export": None, "fp32: load": 33.0, "fp32: memory": 16.0, "fp32: capacity": 52.0, "report": None}


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell of a stage a hundred times as often."""
    monkeypatch.setattr(progress, "DRAWN_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(progress, "LOGGED_EVERY_SECONDS", 0.15)


@pytest.fixture(params=[io.StringIO, Terminal])
def stream(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Show the progress on a stream that is no terminal, and on one that is."""
    handler = ProgressHandler(request.param())
    before, level = progress.log.handlers, progress.log.level
    progress.log.handlers = [handler]
    progress.log.setLevel(logging.INFO)
    assert isinstance(handler.stream, io.StringIO)
    yield handler.stream
    progress.log.handlers = before
    progress.log.setLevel(level)


@pytest.mark.usefixtures("quick")
def test_a_stage_tells_that_it_began_and_still_runs(stream: io.StringIO) -> None:
    """In a log it is a line at the beginning and one every so often; on a terminal one line is drawn over and over."""
    with planned(PLAN), alive("fp32: load"):
        time.sleep(0.4)
    progress.log.info("fp32: load done in 0.4 s")
    said = stream.getvalue()
    if isinstance(stream, Terminal):
        assert "\n" not in said.split("fp32: load done")[0]
        assert said.count(f"{ERASE_LINE}[2/5] fp32: load runs: 0 s, budget 33 s, budgets to come 1 min 8 s") > 2
        assert said.endswith("fp32: load done in 0.4 s\n")
        assert said.rsplit(ERASE_LINE, 1)[1].count("\n") == 1
    else:
        lines = [line[len("12:00:00  ") :] for line in said.splitlines()]
        assert lines[0] == "[2/5] fp32: load begins, budget 33 s"
        assert 1 <= len(lines[1:-1]) <= 2
        assert set(lines[1:-1]) == {"[2/5] fp32: load runs: 0 s, budget 33 s, budgets to come 1 min 8 s"}
        assert ERASE_LINE not in said


def test_a_stage_that_fails_leaves_nothing_behind(stream: io.StringIO) -> None:
    """An error passes, and the line that was redrawn is gone."""

    def fail() -> None:
        with alive("export"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stream.getvalue().endswith(ERASE_LINE if isinstance(stream, Terminal) else "export begins\n")


@pytest.mark.usefixtures("quick")
def test_progress_that_is_switched_off_shows_nothing(stream: io.StringIO) -> None:
    """A logger that takes no progress draws no line either."""
    progress.log.setLevel(logging.ERROR)
    with alive("export"):
        time.sleep(0.05)
    assert stream.getvalue() == ""


def test_lines_of_the_log_stand_above_the_line_that_is_redrawn() -> None:
    """A line that comes while a stage runs does not end up in the middle of it."""
    handler = ProgressHandler(stream := Terminal())
    handler.draw("export runs: 3 s")
    handler.emit(logging.makeLogRecord({"msg": "a warning"}))
    assert stream.getvalue().split(ERASE_LINE)[1:] == ["export runs: 3 s", stream.getvalue().split(ERASE_LINE)[2]]
    assert stream.getvalue().endswith("  a warning\nexport runs: 3 s")


def test_a_stage_stands_among_the_stages_of_its_launch() -> None:
    """Its place, its budget and the budgets of the stages after it; without a launch it has none of them."""
    with planned(PLAN):
        assert running("fp32: memory") == Running("fp32: memory", 3, 5, 16.0, 52.0)
        assert running("report").told(3) == "[5/5] report runs: 3 s"
        assert running("champion: packages").told(3) == "champion: packages runs: 3 s"
    assert running("fp32: memory").told(0) == "fp32: memory begins"


def test_durations_are_read_at_a_glance() -> None:
    """Seconds to a minute, then minutes and seconds."""
    assert [duration(seconds) for seconds in (0.2, 59.4, 60, 68, 3600)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 min 8 s",
        "60 min",
    ]
