"""Rows of a log between its files and the sample: columns of Parquet or lines of JSON, Python values as late as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

NO_TIME = np.iinfo(np.int64).min
JOINED_BYTES = 1 << 30  # a column of strings ends at twice as many


class Rows(Protocol):
    """Rows that are no Python values yet."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that at least one row may have."""

    def take(self, indices: NDArray[np.intp]) -> Rows:
        """Return some of the rows, in the order of the indices."""

    def has(self, column: str) -> bool:
        """Tell whether any row has the column."""

    def values(self, column: str) -> list[Any]:
        """Return a column as values, None where it is absent."""

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return the rows as values by column, absent columns left out."""


class Lines(NamedTuple):
    """Rows that were lines of JSON; of each, what is under `columns`."""

    rows: Sequence[dict[str, Any]]
    columns: Sequence[str]

    def take(self, indices: NDArray[np.intp]) -> Lines:
        """Return some of the rows, in the order of the indices."""
        return Lines([self.rows[i] for i in indices], self.columns)

    def has(self, column: str) -> bool:
        """Tell whether any row has the column."""
        return any(column in row for row in self.rows)

    def values(self, column: str) -> list[Any]:
        """Return a column as values, None where it is absent."""
        return [row.get(column) for row in self.rows]

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return the rows as values by column, absent columns left out."""
        return [{key: row[key] for key in self.columns if key in row} for row in self.rows]


class Stored(NamedTuple):
    """Rows that were stored in columns, of which there is at least one."""

    batch: pa.RecordBatch

    @property
    def columns(self) -> Sequence[str]:
        """The columns that every row has."""
        names: list[str] = self.batch.schema.names
        return names

    def take(self, indices: NDArray[np.intp]) -> Stored:
        """Return some of the rows, in the order of the indices."""
        return Stored(self.batch.take(indices))

    def has(self, column: str) -> bool:
        """Tell whether the rows have the column."""
        return column in self.columns

    def values(self, column: str) -> list[Any]:
        """Return a column as values, None where it is absent."""
        if not self.has(column):
            return [None] * self.batch.num_rows
        found: list[Any] = decoded(self.batch.column(column)).to_pylist()
        return found

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return the rows as values by column."""
        columns = [self.values(column) for column in self.columns]
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*columns, strict=True)]


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, as values where they were not stored in the same columns or are huge."""
    import pyarrow as pa

    stored = [part.batch for part in parts if isinstance(part, Stored)]
    alike = len(stored) == len(parts) and all(batch.schema == stored[0].schema for batch in stored)
    if alike and sum(batch.nbytes for batch in stored) < JOINED_BYTES:
        return Stored(pa.concat_batches(stored))
    columns = dict.fromkeys(column for part in parts for column in part.columns)
    return Lines([row for part in parts for row in part.to_pylist()], tuple(columns))


class Chunk(NamedTuple):
    """Rows of one file in its order.

    `numbers` are their line or row numbers from 1, `times_us` microseconds since 1970 in UTC with `NO_TIME` where a row
    has no readable time, `slices` each slice column (None where it is absent, or of values that are no slices), and
    `missing` the rows without a column; `rows` are the other columns. `of_rows` is how many rows the whole file has, None
    where it does not say so itself.
    """

    file: str
    numbers: Sequence[int]
    ids: pa.Array
    times_us: NDArray[np.int64]
    slices: dict[str, pa.DictionaryArray | None]
    missing: Counter[str]
    rows: Rows
    of_rows: int | None = None


def decoded(column: pa.Array) -> pa.Array:
    """Return a column whose values are not numbers of a dictionary's, which are much slower to make values of."""
    import pyarrow as pa

    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
