"""Numbers and outcomes as people read them: units spelled out, no more digits than the measurement carries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from tasks.core.verdicts import Outcome

SMALLEST = 1e-6  # below it a number is written with a power of ten
ROUNDING = 1e-9  # of a number that is meant to be round
WHOLE_DOLLARS = 100
NOTHING = "\N{EN DASH}"
SIGNS: dict[Outcome, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "unmeasured": NOTHING}
_SIZES = ("B", "kB", "MB", "GB", "TB")
_KILO = 1000


def digits(value: float, significant: int = 3) -> str:
    """Return `value` with `significant` digits or all of its whole part, in thousands; a round number stays short."""
    if value == 0:
        return "0"
    if abs(value) < SMALLEST:
        return f"{value:.{significant - 1}e}"
    places = max(0, significant - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    whole = places and math.isclose(value, round(value, places), rel_tol=ROUNDING)
    return text.rstrip("0").rstrip(".") if whole else text


def count(value: int) -> str:
    """Return a whole number grouped in thousands."""
    return f"{value:,}"


def share(value: float | None) -> str:
    """Return a proportion as a percentage with one decimal."""
    return NOTHING if value is None else f"{100 * value:.1f}%"


def size(value: float) -> str:
    """Return bytes in the decimal unit that leaves one to three digits before the point."""
    scaled, unit = value, 0
    while abs(scaled) >= _KILO and unit < len(_SIZES) - 1:
        scaled, unit = scaled / _KILO, unit + 1
    return f"{digits(scaled)} {_SIZES[unit]}"


def money(value: float) -> str:
    """Return US dollars: three digits below one dollar, cents up to a hundred, whole dollars from there on."""
    if abs(value) >= WHOLE_DOLLARS:
        return f"${value:,.0f}"
    return f"${value:,.2f}" if abs(value) >= 1 else f"${digits(value)}"


def plain(value: float | None, unit: str, significant: int = 4) -> str:
    """Return a number as its unit is read (percent, dollars, MiB) without the unit's words; nothing is a dash, never 0."""
    if value is None:
        return NOTHING
    if unit.startswith(("share", "accuracy")):
        return f"{digits(100 * value, significant)}%"
    if unit.startswith("USD"):
        return money(value)
    return size(value) if unit.split(" ", maxsplit=1)[0] == "bytes" else digits(value, significant)


def quantity(value: float | None, unit: str) -> str:
    """Return a number with its unit where the number alone does not say it."""
    number = plain(value, unit, 3)
    first, _, rest = unit.partition(" ")
    words = rest if first in ("share", "accuracy", "USD", "bytes") else unit
    return number if value is None else f"{number} {words}".strip()


def printable(text: str) -> str:
    """Return text without control characters, which a terminal would obey and XML does not allow."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "·" for letter in text)


def moment(value: datetime) -> str:
    """Return a time to the minute, with its zone."""
    return value.strftime("%Y-%m-%d %H:%M %Z").strip()
