"""Colour, marker and dash of a variant in every plot."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.report.plots.svg import SERIES

MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", (0, (6, 1.5)), (0, (3, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (1.5, 1)), (0, (8, 1.5, 1.5, 1.5, 1.5, 1.5)))


class Hand(NamedTuple):
    """How a variant is drawn, the same in every plot: told apart by colour, and by marker and dash without it."""

    name: str
    colour: str
    marker: str
    dash: Any


def hand_of(position: int, name: str) -> Hand:
    """Return the hand of the variant at `position`."""
    at = position % len(SERIES)
    return Hand(name, SERIES[at], MARKERS[at], DASHES[at])
