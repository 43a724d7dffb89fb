"""The report's plot of capacity: how long a share of requests takes against how many come a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.report.numbers import NOTHING, count, quantity
from tasks.report.plots import charts
from tasks.report.plots.scene import Drawn, PlotTable, Scene

if TYPE_CHECKING:
    from tasks.evidence import CapacityEvidence
    from tasks.report.plots.series import Hand

MS = 1000


def by_rate(scene: Scene) -> Drawn | None:
    """Draw the objective's percentile against the rate: the simulation that explains the runs, and the runs themselves."""
    measured: list[tuple[Hand, CapacityEvidence]] = scene.measured("capacity")
    lines = [
        (hand, [(rate, MS * seconds) for rate, seconds in found.curve], _runs(found), _knee(found))
        for hand, found in measured
        if found.probed
    ]
    if not lines:
        return None
    objective = measured[0][1].objective
    rows = [
        (
            hand.name,
            _configuration(found),
            quantity(found.verified_per_second, "") if found.verified_per_second else "none verified",
            _between(found),
            quantity(knee[0], "") if (knee := _knee(found)) else NOTHING,
            f"{count(sum(run.requests for run in found.probed))} in {count(len(found.probed))} runs",
        )
        for hand, found in measured
        if found.probed
    ]
    caption = (
        f"p{100 * objective.quantile:g} of responses in milliseconds, from when each request was due, on one replica. The "
        "line is the simulation that explains the runs, each of which is a mark; those far over the limit are on the upper "
        "edge. At the knee the rate is largest against the response time; beyond it, waiting grows faster than work is done."
    )
    header = ("Variant", "Replica", "Sustained a second", "95% bounds", "Knee", "Requests")
    return Drawn(charts.by_rate(lines, MS * objective.limit_seconds), caption, PlotTable(header, tuple(rows)))


def _knee(found: CapacityEvidence) -> tuple[float, float] | None:
    """Return the rate, and its milliseconds, of the most power, the rate over the response time; None without a curve.

    Source: Kleinrock, Power and deterministic rules of thumb for probabilistic problems in computer communications (1979).
    """
    rate, seconds = max(found.curve, key=lambda point: point[0] / point[1], default=(None, 0.0))
    return None if rate is None else (rate, MS * seconds)


def _runs(found: CapacityEvidence) -> list[tuple[float, float]]:
    return [
        (run.rate_per_second, MS * run.quantile_seconds if run.quantile_seconds is not None else float("inf"))
        for run in found.probed
        if run.configuration == found.configuration
    ]


def _configuration(found: CapacityEvidence) -> str:
    one = found.configuration
    parts = [f"batches up to {one.batch_cap}" if one.batch_cap > 1 else "single requests"]
    if one.longest_wait_seconds:
        parts.append(f"{quantity(MS * one.longest_wait_seconds, 'ms')} to fill")
    parts.append(f"{count(one.instances)} of {one.threads or 'all'} threads")
    return ", ".join(parts)


def _between(found: CapacityEvidence) -> str:
    if found.low_per_second is None or found.high_per_second is None:
        return "too few runs"
    return f"{quantity(found.low_per_second, '')} to {quantity(found.high_per_second, '')}"
