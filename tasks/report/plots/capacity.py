"""The report's plot of capacity: how long a share of requests takes against how many come a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.report.numbers import NOTHING, count, quantity
from tasks.report.plots import charts
from tasks.report.plots.scene import Drawn, PlotTable, Scene

if TYPE_CHECKING:
    from tasks.evidence import LoadEvidence, Objective
    from tasks.report.plots.series import Hand

MS = 1000


def by_rate(scene: Scene) -> Drawn | None:
    """Draw the highest percentile of the budget against the rate: by the services under load, and of the runs themselves."""
    measured: list[tuple[Hand, LoadEvidence]] = [
        (hand, found) for hand, found in scene.measured("load") if found.objectives and found.curve
    ]
    if not measured:
        return None
    objective = _objective(measured[0][1])
    lines = [
        (hand, [(rate, MS * seconds) for rate, seconds in found.curve], _runs(found), _knee(found))
        for hand, found in measured
    ]
    rows = [
        (
            hand.name,
            _replica(found),
            f"{quantity(found.share_per_second, '')} on {count(found.carrying)}",
            quantity(found.sustained_per_second, "") if found.sustained_per_second else NOTHING,
            quantity(knee[0], "") if (knee := _knee(found)) else NOTHING,
            f"{count(found.requests)} in {count(len(found.runs))} runs",
        )
        for hand, found in measured
    ]
    caption = (
        f"p{100 * objective.quantile:g} of responses in milliseconds, from when each request was due, on one replica. The "
        "line is a queue with the services of the runs under other rates; each run is a mark, those far over the limit on the "
        "upper edge. At the knee the rate is largest against the response time; beyond it, waiting grows faster than work is "
        "done."
    )
    header = ("Variant", "Replica", "Loaded with, a second", "Sustains about, a second", "Knee", "Requests")
    return Drawn(charts.by_rate(lines, MS * objective.limit_seconds), caption, PlotTable(header, tuple(rows)))


def _objective(found: LoadEvidence) -> Objective:
    return max(found.objectives, key=lambda each: each.quantile)


def _knee(found: LoadEvidence) -> tuple[float, float] | None:
    """Return the rate, and its milliseconds, of the most power, the rate over the response time; None without a curve.

    Source: Kleinrock, Power and deterministic rules of thumb for probabilistic problems in computer communications (1979).
    """
    rate, seconds = max(found.curve, key=lambda point: point[0] / point[1], default=(None, 0.0))
    return None if rate is None else (rate, MS * seconds)


def _runs(found: LoadEvidence) -> list[tuple[float, float]]:
    quantile = _objective(found).quantile
    return [
        (each.run.rate, MS * float(np.quantile(each.answered_seconds, quantile, method="inverted_cdf")))
        for each in found.runs
        if each.answered_seconds
    ]


def _replica(found: LoadEvidence) -> str:
    one = found.replica
    parts = [f"batches up to {one.largest_batch}" if one.largest_batch > 1 else "single requests"]
    if one.longest_wait_ms:
        parts.append(f"{quantity(one.longest_wait_ms, 'ms')} to fill")
    parts.append(f"{count(one.instances)} of {one.threads or 'all'} threads")
    return ", ".join(parts)
