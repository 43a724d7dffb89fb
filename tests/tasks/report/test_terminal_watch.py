"""What is said of a live model: the verdict first, then the checks or the changes that it rests on."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from support.report_example import launch

from tasks.evidence import Difference, Unmeasured
from tasks.monitoring.revalidation import Change, Revalidation
from tasks.monitoring.watch import Watch
from tasks.report.terminal_watch import print_revalidation, print_watch
from tasks.serving.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CHECKS = tuple(
    result
    for result in launch("reject")[1].gates
    if (result.gate, result.variant)
    in {("error-rate", "fp32"), ("production-accuracy", "fp32"), ("slice-accuracy", "fp32"), ("drift", None)}
)
REASON = next(result.because for result in CHECKS if result.gate == "production-accuracy")
WATCH = Watch(
    model="tone", version="3", variant="fp32", champion_run_id="c" * 32, run_id="abcdef0123", since=NOW - timedelta(7),
    until=NOW, requests=4000, answers="logged", outcome="kill", reasons=(f"production-accuracy: {REASON}",),
    notes=("half of the labels are late",), checks=CHECKS, watched_at=NOW,
)  # fmt: skip
REVALIDATION = Revalidation(
    model="tone", version="3", variant="fp32", champion_run_id="c" * 32, run_id="abcdef0123", outcome="reject",
    reasons=("the first reason", "the second reason", "the third reason"),
    packages=tuple(Change(name=f"package{at}", before="1.0", after="1.1") for at in range(5)),
    machine=(Change(name="cpu", before="old", after="new"),),
    recorded_graph=Replay(difference=Difference(case="recorded graph", rows=256, flips=2)),
    new_graph=Unmeasured(stage="replay", why="it could not be made again"),
    gates=(Change(name="latency-slo", before="pass", after="fail"),), revalidated_at=NOW,
)  # fmt: skip


def said(show: Callable[[Console], None], width: int = 160) -> str:
    """Return what is printed where the output is no terminal, each run of blanks but those of lines as one."""
    console = Console(file=io.StringIO(), width=width)
    show(console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= min(width, 100)
    return text


def test_a_watch_begins_with_its_verdict() -> None:
    """The outcome and its reason, a row a check with what it is held to, and why what did not pass did not."""
    text = said(lambda console: print_watch(WATCH, console))
    assert text.startswith("KILL tone version 3 (fp32): production-accuracy: The accuracy on 3,440 labelled")
    rows = {line.split()[0]: " ".join(line.split()) for line in text.split("\n\n")[1].splitlines()}
    assert rows["production-accuracy"] == "production-accuracy ✗ fail 64.8% 70%"
    assert rows["drift"] == "drift (warns) ✓ pass 9% 20%"
    assert "? slice-accuracy: inconclusive" in text
    assert "Note: half of the labels are late" in text
    assert " ".join(text.split()).count("64.8%, at most 66.1%") == 1


def test_a_revalidation_is_a_sentence_and_says_how_to_see_all() -> None:
    """Five packages and three reasons are cut short, and the command's option for the rest is named."""
    text = " ".join(said(lambda console: print_revalidation(REVALIDATION, console)).split())
    assert text.startswith(REVALIDATION.sentence())
    assert "package4" not in text
    assert text.endswith("--verbose shows every reason and every change")


def test_a_verbose_revalidation_names_every_reason_and_every_change() -> None:
    """Reasons, packages, the machine, gates, and how the recorded answers stand to those of both graphs."""
    text = said(lambda console: print_revalidation(REVALIDATION, console, verbose=True), width=80)
    changes = (*REVALIDATION.reasons, *REVALIDATION.packages, *REVALIDATION.machine, *REVALIDATION.gates)
    assert all(str(each) in text for each in changes)
    assert "recorded graph: 2 of 256 decisions differ" in text
    assert "new graph: unmeasured: it could not be made again" in text


def test_a_revalidation_that_measured_nothing_has_no_more_to_show() -> None:
    """In an unchanged environment there is one sentence."""
    kept = Revalidation(
        model="tone", version="3", variant="fp32", champion_run_id="c" * 32, run_id=None, outcome="keep",
        reasons=("nothing was measured",), revalidated_at=NOW,
    )  # fmt: skip
    assert said(lambda console: print_revalidation(kept, console)) == f"{kept.sentence()}\n"
