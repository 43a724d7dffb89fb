"""What a probe of an endpoint ends with on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from tasks.report.numbers import count, quantity
from tasks.report.terminal import NOTHING, STYLES, line, signs_of, width_of

if TYPE_CHECKING:
    from rich.console import Console

    from tasks.decision.endpoint import EndpointVerdict, Percentile

MS = 1000
LOST = {
    "errors": "an HTTP status that is not 2xx",
    "malformed": "an answer that is not the protocol's",
    "timeouts": "no answer in time",
    "refused": "no connection",
    "broken": "a connection that ended before the answer did",
}


def print_probe(told: EndpointVerdict, console: Console) -> None:
    """Print the verdict, what was asked, a row a percentile, and how many requests got no answer and why."""
    result = told.result
    line(console, f"{signs_of(console)[result.outcome]} {result.gate}: {result.outcome}", STYLES[result.outcome])
    line(console, result.because, indent=2)
    line(console, "")
    at, first = told.endpoint, told.runs[0]
    model = f", {at.model}" + (f" version {at.version}" if at.version else "") if at.model else ""
    server = f" ({at.server})" if at.server else ""
    line(console, f"{at.url}, {at.protocol}{server}{model}, policy {told.policy.name}", "dim")
    offered = f"{quantity(first.rate, '')} a second, {len(told.runs)} x {quantity(first.seconds, 's')}"
    line(
        console,
        f"{count(told.requests)} requests with {at.inputs}, {offered}, {first.arrivals.process} arrivals",
        "dim",
    )
    late = MS * max(run.lateness.p99_seconds for run in told.runs)
    line(
        console,
        f"sent at most {quantity(late, 'ms')} late at p99, {count(told.calls.most_at_once)} at once at most",
        "dim",
    )
    line(console, "")
    console.print(_percentiles(told), width=width_of(console))
    line(console, "")
    lost = told.requests - told.answered
    line(console, f"{count(told.answered)} answered, {count(lost)} not", "bold red" if lost else "")
    for name, meaning in LOST.items():
        if number := getattr(told.calls, name):
            statuses = ", ".join(f"{status}: {count(times)}" for status, times in told.calls.statuses)
            line(console, f"{count(number)} {meaning}" + (f" ({statuses})" if name == "errors" else ""), indent=2)
    if told.calls.said:
        line(console, f"one said: {told.calls.said}", "dim", indent=2)


def _percentiles(told: EndpointVerdict) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("response, ms", "seen", "at least", "at most", "limit"):
        table.add_column(head, justify="left" if head.startswith("response") else "right", no_wrap=True)
    for each in told.percentiles:
        table.add_row("largest" if each.q == 1 else f"p{100 * each.q:g}", *_numbers(each))
    return table


def _numbers(each: Percentile) -> list[str]:
    seen = "no answer" if each.ms is None else quantity(each.ms, "")
    bounds = (each.low_ms, each.high_ms, each.limit_ms) if each.q < 1 else (None, None, None)
    return [seen, *(NOTHING if value is None else quantity(value, "") for value in bounds)]
