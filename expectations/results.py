"""What Great Expectations found, in plain types and in sentences: counts, ids of rows, what to do."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.data.column_types import kind_of
from tasks.data.images import image_in_words, image_of, plain_list
from tasks.data.redaction import mask, mask_id
from tasks.evidence import ExpectationResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

FAILING_IDS = 20
EXAMPLES = 3
SHOWN_CHARACTERS = 60
LISTED_CHARACTERS = 200
ERROR_CHARACTERS = 300


class _Found(NamedTuple):
    """An outcome in plain types; `by_row` is false where a column or the table was judged as a whole."""

    error: str | None = None
    success: bool = False
    by_row: bool = False
    checked: int = 0
    unexpected: int = 0
    failing: Sequence[int] = ()
    newest: dt.datetime | None = None
    told: str = ""


def finding(
    expectation: Expectation,
    outcome: ExpectationValidationResult | None,
    rows: pd.DataFrame,
    ids: Sequence[str],
    skipped: int,
) -> ExpectationResult:
    """Return the outcome of one expectation; one that raised, or that has no outcome, has failed critically.

    `rows` are numbered from 0 and `ids` names them; `skipped` is how many other expectations its failure left out.
    """
    found = _read(outcome, len(rows))
    needs = words_of(expectation)["needs"]
    return ExpectationResult(
        expectation=expectation.expectation_type,
        column=needs[0] if len(needs) == 1 else None,
        severity="critical" if found.error is not None else expectation.severity.value,
        success=found.success,
        unexpected_rows=found.unexpected,
        checked_rows=found.checked,
        because=_because(expectation, found, rows, skipped),
        failing_ids=() if found.success else tuple(mask_id(ids[row]) for row in found.failing[:FAILING_IDS]),
        limit=words_of(expectation).get("limit"),
    )


def words_of(expectation: Expectation | ExpectationConfiguration) -> dict[str, Any]:
    """Return the words that the suite gave an expectation, see expectations/suites/checks.py."""
    return expectation.meta or {}


def looked(outcome: ExpectationValidationResult) -> bool:
    """Tell whether an expectation was evaluated on anything: it did not raise, and it had values to look at."""
    found = _read(outcome, rows=0)
    return found.error is None and not (found.by_row and found.checked == 0)


def row_ids(rows: pd.DataFrame, column: str) -> list[str]:
    """Return each row's id as text, and its number from 0 where it has none."""
    if column not in rows:
        return [f"row {row}" for row in range(len(rows))]
    return [
        f"row {row}" if null else str(value)
        for row, (value, null) in enumerate(zip(rows[column], rows[column].isna(), strict=True))
    ]


def _read(outcome: ExpectationValidationResult | None, rows: int) -> _Found:
    """Return the outcome in plain types; a column that is judged as a whole fails with all of its rows."""
    error = "Great Expectations gave no result for it" if outcome is None else raised(outcome)
    if outcome is None or error is not None:
        return _Found(error)
    result, success = outcome.result, bool(outcome.success)
    if "element_count" not in result:
        seen = result.get("observed_value")
        # NaT, the newest of no times, is a datetime that equals nothing
        newest = seen if isinstance(seen, dt.datetime) and seen == seen else None  # noqa: PLR0124  same
        told = seen if isinstance(seen, str) else ""
        return _Found(success=success, checked=rows, unexpected=0 if success else rows, newest=newest, told=told)
    checked = int(result["element_count"]) - int(result.get("missing_count", 0))
    failing = [int(row) for row in result.get("unexpected_index_list") or ()]
    unexpected = int(result["unexpected_count"])
    return _Found(success=success, by_row=True, checked=checked, unexpected=unexpected, failing=failing)


def raised(outcome: ExpectationValidationResult) -> str | None:
    """Return the message of what an expectation raised, None if it did not; it lies flat or under a metric's name."""
    info: Mapping[str, Any] = outcome.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = (" ".join(str(entry["exception_message"]).split()) for entry in entries if entry["raised_exception"])
    return next(messages, None)


def _because(expectation: Expectation, found: _Found, rows: pd.DataFrame, skipped: int) -> str:
    """Return what was found, and of a failure what to do, in one sentence."""
    told = words_of(expectation)
    if found.error is not None:
        return f"'{told['claim']}' could not be checked: {_cut(mask(found.error), ERROR_CHARACTERS).rstrip('.')}; {told['remedy']}"
    if found.success:
        if found.by_row and found.checked == 0:
            return f"{told['claim']}, though there was no value to check"
        return str(told["claim"]) + (f"; {_share(found)} are exceptions" if found.unexpected else "")
    if found.by_row:
        mostly = float(getattr(expectation, "mostly", 1))
        allowed = f", where at most {100 * (1 - mostly):.3g}% may" if mostly < 1 else ""
        return f"{_share(found)} {told['fault']}{_examples(expectation, found, rows)}{allowed}; {told['remedy']}"
    return f"{told['fault']}{_seen(found, rows, told['needs'], skipped)}; {told['remedy']}"


def _seen(found: _Found, rows: pd.DataFrame, needs: Sequence[str], skipped: int) -> str:
    """Return what was there instead, where a column or the table was judged as a whole."""
    there = ""
    if any(column not in rows for column in needs):
        there = f" (there are {_cut(', '.join(map(str, rows.columns)), LISTED_CHARACTERS)})"
    newest = f", the newest is {found.newest:%Y-%m-%d %H:%M}" if found.newest else ""
    others = f", so {skipped} other check{'s were' if skipped > 1 else ' was'} not made" if skipped else ""
    told = f" ({found.told})" if found.told else ""
    return there + newest + told + others


def _share(found: _Found) -> str:
    return f"{found.unexpected:,} of {found.checked:,} rows ({100 * found.unexpected / found.checked:.3g}%)"


def _examples(expectation: Expectation, found: _Found, rows: pd.DataFrame) -> str:
    """Return a few different values that broke the expectation, with their kind where it is the kind that is wrong."""
    needs = words_of(expectation)["needs"]
    if len(needs) != 1:
        return ""
    values = rows[needs[0]].iloc[list(found.failing)].dropna().astype(object)
    by_kind = getattr(expectation, "column", None) != needs[0]
    shown = dict.fromkeys(_shown(value) + (f" ({kind_of(value)})" if by_kind else "") for value in values[:1000])
    return f", for example {', '.join(list(shown)[:EXAMPLES])}" if shown else ""


def _shown(value: Any) -> str:
    """Return a value as it is quoted: times and fractions as they are, anything else masked."""
    if isinstance(value, dt.date):
        return _cut(str(value), SHOWN_CHARACTERS)
    image = image_of(value) if isinstance(value, (list, np.ndarray)) else None
    if image is not None:
        return image_in_words(image)
    plain = plain_list(getattr(value, "tolist", lambda: value)())
    return _cut(repr(plain) if isinstance(plain, float) else mask(repr(plain)), SHOWN_CHARACTERS)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 3] + "..."
