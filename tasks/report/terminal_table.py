"""Gates as rows and variants as columns, in as many columns of a terminal as there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from tasks.report.numbers import plain, quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.core.verdicts import GateResult, Outcome

VALUES = "a number is the bound (or the exact value) held to the limit"
GAP = 2
DIGITS = (3, 4, 5, 6)
WHOLE = "launch"  # the column of a launch without variants

Cell = tuple[str, str]  # text and style


def gates_table(
    rows: Mapping[str, Sequence[GateResult]],
    variants: Sequence[str],
    signs: Mapping[Outcome, str],
    styles: Mapping[Outcome, str],
    width: int,
    *,
    passes: bool = False,
) -> list[Text]:
    """Return a line a gate with the sign and the number of each variant, and the limit; `passes` have numbers too.

    A gate of the whole launch stands under every variant, since it holds for each of them. Where names are too long for
    `width` columns, columns are numbered and the names stand below; where that is not enough, there are signs alone.
    """
    heads = list(variants) or [WHOLE]
    numbered = [str(at) for at in range(1, len(heads) + 1)]
    names = [Text(f"{number}: {head}", "dim") for number, head in zip(numbered, heads, strict=True)]
    for columns, numbers, below in ((heads, True, []), (numbered, True, names), (heads, False, [])):
        cells = _cells(rows, columns, heads, signs, styles, numbers=numbers, passes=passes)
        if sum(_widths(cells)) - GAP <= width:
            return [*_lines(cells), *below]
    return [*_lines(_cells(rows, numbered, heads, signs, styles, numbers=False, passes=passes)), *names]


def _cells(
    rows: Mapping[str, Sequence[GateResult]],
    columns: Sequence[str],
    variants: Sequence[str],
    signs: Mapping[Outcome, str],
    styles: Mapping[Outcome, str],
    *,
    numbers: bool,
    passes: bool,
) -> list[list[Cell]]:
    table: list[list[Cell]] = [[(head, "") for head in ("gate", *columns, *(["limit"] if numbers else []))]]
    for gate, results in rows.items():
        found = {result.variant: result for result in results}
        each = [found.get(variant, found.get(None)) for variant in variants]
        shown = [result for result in results if _value(result, passes=passes) is not None]
        limits = {quantity(result.limit, result.unit) for result in shown}
        row: list[Cell] = [(f"{gate} (warns)" if results[0].severity == "warn" else gate, "")]
        for result in each:
            if result is None:
                row.append(("", ""))
                continue
            value = _value(result, passes=passes) if numbers else None
            text = "" if value is None else f" {_apart(value, result)}"
            if numbers and result.outcome == "inconclusive" and result.limit is not None and result.bound is None:
                text = " no bound"
            if text and len(limits) > 1:
                text += f" ({quantity(result.limit, result.unit)})"
            row.append((signs[result.outcome] + text, styles[result.outcome]))
        if numbers:
            row.append((limits.pop() if len(limits) == 1 else "(in brackets)" if limits else "", ""))
        table.append(row)
    return table


def _value(result: GateResult, *, passes: bool) -> float | None:
    """Return the number that decided: the bound, or what was seen where nothing was bounded."""
    if result.outcome == "unmeasured" or result.limit is None or (result.outcome == "pass" and not passes):
        return None
    return result.observed if result.bound is None else result.bound


def _apart(value: float, result: GateResult) -> str:
    """Return a number with three digits, with more where it would look like the limit without being it."""
    limit = value if result.limit is None else result.limit
    enough = (digits for digits in DIGITS if f"{value:.{digits - 1}e}" != f"{limit:.{digits - 1}e}")
    return plain(value, result.unit, next(enough, DIGITS[0]))


def _widths(cells: list[list[Cell]]) -> list[int]:
    return [GAP + max(cell_len(text) for text, _ in column) for column in zip(*cells, strict=True)]


def _lines(cells: list[list[Cell]]) -> list[Text]:
    widths, lines = _widths(cells), []
    for row in cells:
        line = Text()
        for (text, style), width in zip(row, widths, strict=True):
            line.append(text, style or None)
            line.append(" " * (width - cell_len(text)))
        line.rstrip()
        lines.append(line)
    return lines
