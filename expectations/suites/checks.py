"""The expectations that suites are made of: each with a severity, and with the words that say what broke and what to do.

The words are in `meta`: `needs` names the columns it looks at, `claim` is what holds when it succeeds (equal claims have
equal outcomes), `fault` ends the sentence "12 of 8,000 rows ..." or is a clause of its own where the whole column is judged,
and `remedy` says what to do. `limit` names the limit of the gate `data-quality` that `mostly` is from, if it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from great_expectations.expectations.core.expect_column_to_exist import ExpectColumnToExist
from great_expectations.expectations.core.expect_column_unique_value_count_to_be_between import (
    ExpectColumnUniqueValueCountToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_be_unique import ExpectColumnValuesToBeUnique
from great_expectations.expectations.core.expect_column_values_to_not_be_null import ExpectColumnValuesToNotBeNull
from great_expectations.expectations.core.expect_table_row_count_to_be_between import ExpectTableRowCountToBeBetween
from great_expectations.expectations.metadata_types import FailureSeverity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from great_expectations.expectations.expectation import Expectation

CRITICAL, WARNING = FailureSeverity.CRITICAL, FailureSeverity.WARNING

INPUTS = "inputs as one text"


def kind_column(column: str) -> str:
    """Return the name of the derived column that holds the kind of each value of `column`."""
    return f"kind of {column}"


def words(needs: Sequence[str], claim: str, fault: str, remedy: str, limit: str | None = None) -> dict[str, Any]:
    """Return the `meta` of an expectation."""
    return {"needs": list(needs), "claim": claim, "fault": fault, "remedy": remedy, "limit": limit}


def has_rows(what: str, remedy: str) -> Expectation:
    """Expect at least one row, critically; without it an empty frame passes nearly everything."""
    meta = words((), f"{what} has rows", f"{what} has no rows", remedy)
    return ExpectTableRowCountToBeBetween(min_value=1, severity=CRITICAL, meta=meta)


def exists(column: str, remedy: str, severity: FailureSeverity = CRITICAL) -> Expectation:
    """Expect that `column` is there."""
    meta = words((column,), f"column '{column}' exists", f"column '{column}' is missing", remedy)
    return ExpectColumnToExist(column=column, severity=severity, meta=meta)


def filled(column: str, mostly: float, severity: FailureSeverity, remedy: str, limit: str | None = None) -> Expectation:
    """Expect a value in at least the share `mostly` of the rows."""
    claim = f"column '{column}' has a value {share_words(mostly)}"
    meta = words((column,), claim, f"have no value in column '{column}'", remedy, limit)
    return ExpectColumnValuesToNotBeNull(column=column, mostly=mostly, severity=severity, meta=meta)


def any_value(column: str, remedy: str) -> Expectation:
    """Expect a value in some row, critically; looks at the kinds, so that values of any type can be counted."""
    meta = words(
        (column,), f"column '{column}' has a value in some row", f"column '{column}' has no value in any row", remedy
    )
    return ExpectColumnUniqueValueCountToBeBetween(
        column=kind_column(column), min_value=1, severity=CRITICAL, meta=meta
    )


def unique(column: str, remedy: str) -> Expectation:
    """Expect, critically, that no two rows share a value."""
    meta = words(
        (column,), f"column '{column}' is unique", f"share their value of column '{column}' with another row", remedy
    )
    return ExpectColumnValuesToBeUnique(column=column, severity=CRITICAL, meta=meta)


def of_kind(column: str, kind: str, origin: str, remedy: str) -> Expectation:
    """Expect, critically, that every value is of `kind`; `origin` is a clause that says where that kind comes from."""
    meta = words(
        (column,),
        f"column '{column}' holds {kind}",
        f"hold something other than {kind} in column '{column}' ({origin})",
        remedy,
    )
    return ExpectColumnValuesToBeInSet(column=kind_column(column), value_set=[kind], severity=CRITICAL, meta=meta)


def share_words(mostly: float) -> str:
    """Return the share `mostly` of the rows in words."""
    return "in every row" if mostly >= 1 else f"in at least {100 * mostly:.3g}% of rows"
