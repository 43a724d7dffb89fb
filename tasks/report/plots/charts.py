"""How each kind of chart is drawn with matplotlib: values in, one small figure out; the colours are roles of the page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tasks.report.numbers import digits, money
from tasks.report.plots.axes import figure, finish, floor_line, percent_axis, scale, short, stairs, tail, whisker
from tasks.report.plots.svg import COLOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from tasks.evidence import CostEvidence
    from tasks.report.plots.series import Hand
    from tasks.statistics import Interval


MOST_POINTS = 160


def percentiles(lines: Sequence[tuple[Hand, Sequence[float]]], budget: Mapping[float, float]) -> Figure:
    """Draw milliseconds over percentiles whose axis stretches the tail, and the budget as the stairs to stay under."""
    drawn, axes = figure()
    deepest = max(len(values) for _, values in lines)
    right = max([math.log10(2 * deepest), 2.1, *(tail(percent) + 0.1 for percent in budget)])
    for who, values in lines:
        ordered = np.sort(values)
        tails = -np.log10(1 - (np.arange(ordered.size) + 0.5) / ordered.size)
        keep = np.unique(np.searchsorted(tails, np.linspace(0, tails[-1], MOST_POINTS)).clip(0, ordered.size - 1))
        axes.plot(tails[keep], ordered[keep], color=who.colour, linestyle=who.dash, label=who.name)
    stairs(axes, budget)
    ticks = [percent for percent in (0, 50, 90, 95, 99, 99.9, 99.99) if tail(percent) <= right]
    axes.set_xticks([tail(percent) for percent in ticks], [f"{percent:g}" for percent in ticks])
    axes.set_xlim(0, right)
    scale(axes, [*(value for _, values in lines for value in values), *budget.values()])
    axes.set_xlabel("percentile")
    finish(axes, "ms", 4)
    return drawn


def by_batch(lines: Sequence[tuple[Hand, Mapping[int, float]]], unit: str, *, log: bool) -> Figure:
    """Draw one value a batch size, batch sizes a power of two apart at equal distances."""
    drawn, axes = figure()
    for who, values in lines:
        at = [math.log2(batch) for batch in values]
        axes.plot(
            at, list(values.values()), color=who.colour, linestyle=who.dash, marker=who.marker, ms=4.5, label=who.name
        )
    measured = sorted({batch for _, values in lines for batch in values})
    # Neighbours of a power of two would be written over each other.
    batches = [batch for batch in measured if batch.bit_count() == 1] or measured
    axes.set_xticks([math.log2(batch) for batch in batches], [str(batch) for batch in batches])
    axes.set_xlabel("batch size")
    if log:
        scale(axes, [value for _, values in lines for value in values.values()])
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: digits(value))
    finish(axes, unit, len(lines))
    return drawn


def by_rate(
    lines: Sequence[
        tuple[Hand, Sequence[tuple[float, float]], Sequence[tuple[float, float]], tuple[float, float] | None]
    ],
    limit: float,
) -> Figure:
    """Draw milliseconds over requests a second, as simulated and as seen in runs, its knee, and the limit.

    Runs that were overloaded lie beyond the plot's upper edge, and are drawn on it.
    """
    drawn, axes = figure()
    top = 3 * limit
    for who, curve, runs, knee in lines:
        shown = [(rate, ms) for rate, ms in curve if ms <= top]
        if shown:
            axes.plot(*zip(*shown, strict=True), color=who.colour, linestyle=who.dash, label=who.name)
        axes.plot(
            [rate for rate, _ in runs], [min(ms, top) for _, ms in runs], who.marker, color=who.colour, ms=4.5,
            markerfacecolor="none", label=None if shown else who.name, clip_on=False,
        )  # fmt: skip
        if knee is not None and knee[1] <= top:
            axes.plot(*knee, who.marker, color=who.colour, ms=8)
            axes.annotate(
                "knee", knee, xytext=(6, -6), textcoords="offset points", va="top", color=who.colour, fontsize=10
            )
    axes.axhline(limit, color=COLOUR["limit"], linewidth=1.2, label="limit")
    axes.set_xlim(left=0)
    axes.set_xlabel("requests a second")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    scale(axes, [*(min(ms, top) for _, curve, runs, _ in lines for _, ms in (*curve, *runs)), limit])
    finish(axes, "ms", 1 + len(lines))
    return drawn


def by_steps(lines: Sequence[tuple[Hand, Sequence[tuple[int, float]]]]) -> Figure:
    """Draw milliseconds over the number of output steps."""
    drawn, axes = figure()
    for who, points in lines:
        axes.plot(
            *zip(*points, strict=True), color=who.colour, linestyle=who.dash, marker=who.marker, ms=4.5, label=who.name
        )
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(lambda value, _: digits(value))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("output steps")
    finish(axes, "ms", len(lines))
    return drawn


def phases(bars: Sequence[tuple[Hand, Mapping[str, float]]]) -> Figure:
    """Draw seconds as one bar a variant, made of its phases in order, each lighter than the one before."""
    drawn, axes = figure(1.4 + 0.62 * len(bars))
    names = list(bars[0][1])
    for row, (who, seconds) in enumerate(bars):
        left = 0.0
        for at, name in enumerate(names):
            axes.barh(row, seconds[name], left=left, height=0.46, color=who.colour, alpha=1 - 0.8 * at / len(names))
            left += seconds[name]
    for at, name in enumerate(names):
        axes.barh([0], [0], color=COLOUR["muted"], alpha=1 - 0.8 * at / len(names), label=name)
    axes.set_yticks(range(len(bars)), [short(who.name) for who, _ in bars])
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda value, _: digits(value))
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.set_xlabel("seconds")
    finish(axes, "", len(names))
    return drawn


def soak(lines: Sequence[tuple[Hand, Sequence[tuple[int, float]]]]) -> Figure:
    """Draw memory growth over requests, in MB; at most a few hundred points a line."""
    drawn, axes = figure()
    for who, points in lines:
        kept = points[:: max(1, len(points) // MOST_POINTS)]
        axes.plot(*zip(*kept, strict=True), color=who.colour, linestyle=who.dash, label=who.name)
    axes.axhline(0, color=COLOUR["muted"], linewidth=0.8)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -1), max(high, 1))  # a flat line should look flat, not like noise blown up
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{'+' if value > 0 else ''}{digits(value)}")
    axes.set_xlabel("requests")
    finish(axes, "MB since the start", len(lines))
    return drawn


def gaps(pairs: Sequence[tuple[Hand, Interval | None, Interval | None]], floor: float | None) -> Figure:
    """Draw evaluation (hollow) and production (filled) accuracy of each variant on one line, joined by the gap."""
    drawn, axes = figure(1.1 + 0.62 * len(pairs))
    for row, (who, evaluation, production) in enumerate(pairs):
        if evaluation and production:
            ends = [evaluation.estimate, production.estimate]
            axes.plot(ends, [row, row], color=COLOUR["rule"], linewidth=6, solid_capstyle="round")
        for rate, fill, shift in ((evaluation, COLOUR["paper"], -0.13), (production, who.colour, 0.13)):
            if rate:
                whisker(axes, rate, row + shift, who, fill)
    axes.set_yticks(range(len(pairs)), [short(who.name) for who, _, _ in pairs])
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    floor_line(axes, floor)
    ends = [end for _, *rates in pairs for rate in rates if rate for end in (rate.low, rate.high)]
    percent_axis(axes, [*ends, *([] if floor is None else [floor])])
    for label, fill in (("evaluation", COLOUR["paper"]), ("production", COLOUR["muted"])):
        axes.plot([], [], "o", color=COLOUR["muted"], markerfacecolor=fill, label=label)
    finish(axes, "", 3)
    return drawn


def slices(
    tables: Sequence[tuple[Hand, Mapping[tuple[str, str], Interval | None]]], shown: Sequence[tuple[str, str]]
) -> Figure:
    """Draw accuracy with intervals, a line a slice and a mark a variant."""
    drawn, axes = figure(1.0 + len(shown) * (0.16 + 0.13 * len(tables)))
    ends = []
    for place, (who, rates) in enumerate(tables):
        shift = (place - (len(tables) - 1) / 2) * 0.7 / len(tables)
        for row, name in enumerate(shown):
            if (rate := rates.get(name)) is not None:
                whisker(axes, rate, row + shift, who, who.colour)
                ends += [rate.low, rate.high]
        axes.plot([], [], who.marker, color=who.colour, ms=4.5, label=who.name)
    axes.set_yticks(range(len(shown)), [short(f"{column} = {value}") for column, value in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    percent_axis(axes, ends)
    finish(axes, "", len(tables))
    return drawn


def reliability(lines: Sequence[tuple[Hand, Sequence[tuple[float, Interval]]]]) -> Figure:
    """Draw the share that is right over the confidence, with intervals, and the diagonal of a confidence that holds."""
    drawn, axes = figure(4.4)
    ends: list[float] = []
    for who, points in lines:
        at = [confidence for confidence, _ in points]
        rates = [rate for _, rate in points]
        lows, highs = [rate.low for rate in rates], [rate.high for rate in rates]
        shares = [rate.estimate for rate in rates]
        axes.vlines(at, lows, highs, color=who.colour, linewidth=1, alpha=0.5)
        axes.plot(at, shares, color=who.colour, linestyle=who.dash, marker=who.marker, ms=4.5, label=who.name)
        ends += lows
    axes.plot([0, 1], [0, 1], color=COLOUR["limit"], linewidth=1.2, label="exact")
    axes.set_xlim(max(0.0, min(at for _, points in lines for at, _ in points) - 0.02), 1.005)
    axes.set_ylim(max(0.0, min(ends) - 0.02), 1.005)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
    axes.set_xlabel("confidence")
    finish(axes, "answered right", 4)
    return drawn


def risk_coverage(lines: Sequence[tuple[Hand, Sequence[tuple[float, float]]]]) -> Figure:
    """Draw the share that is wrong over the share of answers that is kept, the most confident first."""
    drawn, axes = figure()
    for who, points in lines:
        axes.plot(*zip(*points, strict=True), color=who.colour, linestyle=who.dash, label=who.name)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(0.01, *(risk for _, points in lines for _, risk in points)) * 1.12)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
    axes.set_xlabel("answers kept, most confident first")
    finish(axes, "answered wrong", 4)
    return drawn


def costs(bars: Sequence[tuple[Hand, CostEvidence]]) -> Figure:
    """Draw dollars a month as bars, with a whisker to the high end and the sum in words."""
    drawn, axes = figure(1.1 + 0.62 * len(bars))
    for row, (who, cost) in enumerate(bars):
        axes.barh(row, cost.usd_per_month, height=0.46, color=who.colour)
        axes.plot([cost.usd_per_month, cost.usd_per_month_high], [row, row], color=COLOUR["ink"], linewidth=1.2)
        words = money(cost.usd_per_month)
        if cost.usd_per_month_high > cost.usd_per_month:
            words += f" to {money(cost.usd_per_month_high)}"
        at = (cost.usd_per_month_high, row)
        axes.annotate(words, at, xytext=(6, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(bars)), [short(who.name) for who, _ in bars])
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, max([cost.usd_per_month_high for _, cost in bars] + [0.01]) * 1.45)
    axes.xaxis.set_major_formatter(lambda value, _: f"${digits(value)}")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.set_xlabel("US dollars a month")
    return drawn
