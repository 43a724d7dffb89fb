"""Charts of many values."""

from __future__ import annotations

import numpy as np

from tasks.report.plots import charts
from tasks.report.plots.series import hand_of


def test_many_calls_make_a_small_plot_that_keeps_the_worst() -> None:
    """A hundred thousand calls become at most 160 points, of which the last is the slowest call."""
    times = [1 + (call % 997) / 1000 for call in range(100_000)] + [950.0]
    figure = charts.percentiles([(hand_of(0, "fp32"), times)], {})
    (line,) = figure.axes[0].lines
    values = [float(value) for value in np.asarray(line.get_ydata())]
    assert len(values) <= charts.MOST_POINTS
    assert values[-1] == 950
    assert values == sorted(values)
