"""What an evaluation set must be like: curated, so stricter than a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from great_expectations import ExpectationSuite
from great_expectations.expectations.core.expect_column_unique_value_count_to_be_between import (
    ExpectColumnUniqueValueCountToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_unique import ExpectColumnValuesToBeUnique

from expectations.suites.checks import CRITICAL, INPUTS, WARNING, exists, filled, has_rows, of_kind, unique, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.core.records import Columns

UNIQUE_INPUTS = 0.98


def build(columns: Columns, *, kinds: Mapping[str, str]) -> ExpectationSuite:
    """Return the suite for rows of `columns`, with the columns that `expectations.validate` derives.

    `kinds` says what the label and each input are to hold.
    """
    remedy = "add it to the evaluation set, or name it under columns in candidate.yaml as the set has it"
    origin = "most rows do not"
    return ExpectationSuite(
        name="evaluation_set",
        expectations=[
            has_rows("the evaluation set", "check the file under data.evaluation in candidate.yaml"),
            *(exists(column, remedy) for column in dict.fromkeys((columns.id, *columns.input, columns.label))),
            *(exists(column, "without it the set's slices can't be told apart", WARNING) for column in columns.slices),
            filled(columns.id, 1, CRITICAL, "give every row an id"),
            unique(columns.id, "give every row an id of its own"),
            filled(columns.label, 1, CRITICAL, "label the row or leave it out"),
            ExpectColumnUniqueValueCountToBeBetween(
                column=columns.label,
                min_value=2,
                severity=CRITICAL,
                meta=words(
                    (columns.label,),
                    f"column '{columns.label}' has at least two labels",
                    f"column '{columns.label}' has fewer than two labels",
                    "a set of one class measures nothing, so add rows of the others",
                ),
            ),
            of_kind(columns.label, kinds[columns.label], origin, "write every label in one type"),
            *(filled(column, 1, CRITICAL, "give the row its input or leave it out") for column in columns.input),
            *(of_kind(column, kinds[column], origin, "write every input in one type") for column in columns.input),
            ExpectColumnValuesToBeUnique(
                column=INPUTS,
                mostly=UNIQUE_INPUTS,
                severity=WARNING,
                meta=words(
                    columns.input,
                    f"inputs are not repeated, {100 * UNIQUE_INPUTS:g}% of them at least",
                    "repeat the input of another row",
                    "keep one of each, else some inputs count twice and intervals are too narrow",
                ),
            ),
        ],
    )
