"""That a stage is alive, while it runs: which one, how far the launch is, for how long, and what its policy gives it."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple, TextIO

from rich.cells import set_cell_size

from tasks.report.numbers import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DRAWN_EVERY_SECONDS = 1.0
LOGGED_EVERY_SECONDS = 15.0
COLUMNS = 100
SECONDS_A_MINUTE = 60
ERASE_LINE = "\r\x1b[K"
log = logging.getLogger("launchgate")
_plan: ContextVar[Mapping[str, float | None]] = ContextVar("plan", default={})  # noqa: B039  it is only read


class Running(NamedTuple):
    """A stage that runs, at its place among the stages of a launch (0 where it is not one of them), with its budget.

    `later_seconds` are the budgets of the stages after it.
    """

    stage: str
    place: int
    of: int
    budget_seconds: float | None
    later_seconds: float

    def told(self, seconds: float) -> str:
        """Return what is told of it once it has run for so long; of one that begins at 0."""
        head = f"[{self.place}/{self.of}] {self.stage}" if self.place else self.stage
        parts = [] if self.budget_seconds is None else [f"budget {duration(self.budget_seconds)}"]
        if not seconds:
            return ", ".join([f"{head} begins", *parts])
        if self.later_seconds:
            parts.append(f"budgets to come {duration(self.later_seconds)}")
        return ", ".join([f"{head} runs: {duration(seconds)}", *parts])


def duration(seconds: float) -> str:
    """Return seconds as a clock on a wall would say them: `45 s`, `3 min 20 s`, `75 min`."""
    whole = round(seconds)
    minutes, rest = divmod(whole, SECONDS_A_MINUTE)
    if not minutes:
        return f"{whole} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


@contextmanager
def planned(stages: Mapping[str, float | None]) -> Iterator[None]:
    """Tell of the stages that run in this block where they stand in a launch: its stages in order, each with its budget."""
    token = _plan.set(stages)
    try:
        yield
    finally:
        _plan.reset(token)


def running(stage: str) -> Running:
    """Return a stage at its place in the launch that is under way."""
    plan = _plan.get()
    names = list(plan)
    if stage not in plan:
        return Running(stage, 0, len(names), None, 0)
    place = names.index(stage) + 1
    return Running(stage, place, len(names), plan[stage], sum(plan[name] or 0 for name in names[place:]))


@contextmanager
def alive(stage: str) -> Iterator[None]:
    """Show that a stage is alive while this block runs: a line that is redrawn on a terminal, every 15 s a line in a log."""
    this, started, ended = running(stage), time.monotonic(), threading.Event()
    _log(this.told(0))
    _draw(this.told(0))

    def tell() -> None:
        logged = 0.0
        while not ended.wait(DRAWN_EVERY_SECONDS):
            seconds = time.monotonic() - started
            _draw(this.told(seconds))
            if seconds - logged >= LOGGED_EVERY_SECONDS:
                logged = seconds
                _log(this.told(seconds))

    teller = threading.Thread(target=tell, name="alive", daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
        _draw("")


class ProgressHandler(logging.StreamHandler[TextIO]):
    """Shows the progress on a stream: on a terminal the stage that runs is one line, redrawn below the lines of the log."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream or sys.stderr)
        self.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
        self._drawn = ""

    @property
    def redraws(self) -> bool:
        """Tell whether the stream is a terminal, on which a line can be redrawn; one that was closed is none."""
        return not self.stream.closed and self.stream.isatty()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line above the one that is redrawn; that a stage is alive is told there already."""
        if not self.redraws:
            super().emit(record)
        elif not getattr(record, "alive", False):
            self.stream.write(ERASE_LINE)
            super().emit(record)
            self._write()

    def draw(self, text: str) -> None:
        """Put `text` in place of the line that is redrawn."""
        if self.redraws:
            with self.lock or threading.RLock():
                self._drawn = text
                self.stream.write(ERASE_LINE)
                self._write()

    def _write(self) -> None:
        self.stream.write(self._drawn)
        self.stream.flush()


def _draw(text: str) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    for handler in log.handlers:
        if isinstance(handler, ProgressHandler):
            handler.draw(_fitted(text))


def _fitted(text: str) -> str:
    """Return text that takes at most one line of the terminal; a longer one would not be erased whole."""
    columns = min(shutil.get_terminal_size().columns - 1, COLUMNS)
    shown = printable(text)
    return set_cell_size(shown, columns).rstrip() if columns > 0 else ""


def _log(text: str) -> None:
    log.info(text, extra={"alive": True})
