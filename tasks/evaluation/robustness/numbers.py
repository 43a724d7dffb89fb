"""Perturbations of numbers."""

from __future__ import annotations

from typing import Any

from tasks.evaluation.robustness.columns import MOST_INTEGER, Column, Draw


def far(_: Any, draw: Draw, column: Column) -> Any:
    """Return a number ten ranges below or above all that was seen."""
    reach = 10 * (column.high - column.low) + 1
    there = draw.choice((column.low - reach, column.high + reach))
    return int(max(-MOST_INTEGER, min(MOST_INTEGER, there))) if column.holds == "integers" else there


def last_digit(value: Any, draw: Draw, _: Column) -> Any:
    """Change a number by one part in a million, as another way to write it does."""
    return value * (1 + draw.choice((-1e-6, 1e-6)))
