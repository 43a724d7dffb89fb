"""What the report's charts share: their size, their axes, limits drawn as lines, and labels that fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tasks.report.numbers import digits, printable
from tasks.report.plots.svg import COLOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tasks.report.plots.series import Hand
    from tasks.statistics import Interval

WIDTH, HEIGHT = 5.4, 3.6  # inches of 72 user units: text stays readable when a phone shrinks it
LONGEST_LABEL = 30


def figure(height: float = HEIGHT) -> tuple[Figure, Axes]:
    """Return a figure of the report's width, and its axes."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(WIDTH, height), layout="constrained")
    return made, made.add_subplot()


def finish(axes: Axes, unit: str, columns: int) -> None:
    """Put the unit over the axis and the legend over the plot, where it covers nothing."""
    axes.set_title(unit, loc="left", fontsize=11, color=COLOUR["muted"])
    axes.figure.legend(loc="outside upper left", ncols=min(columns, 4))


def stairs(axes: Axes, budget: Mapping[float, float]) -> None:
    """Draw the budget: below the stairs at every percentile is within it, since quantiles only rise."""
    if not budget:
        return
    ends = [0.0, *(tail(percent) for percent in sorted(budget))]
    axes.stairs(
        [budget[percent] for percent in sorted(budget)], ends, baseline=None,
        color=COLOUR["limit"], linewidth=1.2, label="budget",
    )  # fmt: skip
    for left, right, percent in zip(ends, ends[1:], sorted(budget), strict=False):
        axes.annotate(
            digits(budget[percent]), ((left + right) / 2, budget[percent]), xytext=(0, 2), textcoords="offset points",
            ha="center", va="bottom", color=COLOUR["limit"], fontsize=10,
        )  # fmt: skip


def whisker(axes: Axes, rate: Interval, at: float, who: Hand, fill: str) -> None:
    """Draw an interval with its estimate."""
    axes.plot([rate.low, rate.high], [at, at], color=who.colour, linewidth=1.3)
    axes.plot([rate.estimate], [at], who.marker, color=who.colour, markerfacecolor=fill, ms=5)


def floor_line(axes: Axes, least: float | None) -> None:
    """Draw the least share that is allowed, if there is one."""
    if least is None:
        return
    axes.axvline(least, color=COLOUR["limit"], linewidth=1.2)
    axes.annotate(
        f"floor {100 * least:.3g}%",
        (least, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -2),
        textcoords="offset points",
        va="top",
        color=COLOUR["limit"],
        fontsize=10,
    )


def percent_axis(axes: Axes, ends: Sequence[float]) -> None:
    """Show percent over the values alone, and not from 0 to 100."""
    margin = max(0.02, 0.06 * (max(ends) - min(ends)))
    axes.set_xlim(max(0, min(ends) - margin), min(1, max(ends) + margin))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)


def scale(axes: Axes, values: Sequence[float]) -> None:
    """Use a logarithmic axis where the values span more than a factor of eight, with round numbers as ticks."""
    low, high = min(values), max(values)
    axes.yaxis.set_major_formatter(lambda value, _: digits(value))
    if low <= 0 or high < 8 * low:
        axes.set_ylim(0, high * 1.12)
        return
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    steps = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(10, steps))
    axes.yaxis.set_major_formatter(lambda value, _: digits(value))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(low / 1.25, high * 1.4)


def tail(percent: float) -> float:
    """Return where a percentile stands on an axis that stretches the tail: at 0, 1, 2, 3 those of 0, 90, 99 and 99.9."""
    return -math.log10(1 - percent / 100)


def short(text: str) -> str:
    """Return a label that fits beside a plot."""
    clean = printable(text).replace("\n", "·")
    return clean if len(clean) <= LONGEST_LABEL else f"{clean[: LONGEST_LABEL - 1]}…"
