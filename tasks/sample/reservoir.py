"""A sample without replacement of distinct requests, drawn in one pass over a log of unknown length, with its weights.

Every request has a place that its id and the seed alone decide (`places`). The sample holds the `size` requests with the
lowest places, and of each slice the `per_slice` lowest, so that a rare one can be judged too. It depends neither on the
order of the rows nor on how they lie in files, and every copy of a request in it has been counted.

A request is in the sample where its place is below the overall threshold or below that of one of its slices: the lowest
place that each left out. Its inclusion probability is the highest of these thresholds as a share of all places, and its
weight one over that: how many requests of the log it stands for. (Bottom-k sampling and its conditional inclusion
probabilities: Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007; several samples in one:
Cohen, Kaplan and Sen, "Coordinated weighted sampling", VLDB 2009.)
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.sample.places import places, seed_key
from tasks.sample.text import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from tasks.sample.readers import Chunk

SLACK = 1_000
MARGIN = (
    2  # as many places as a sample of the guessed log takes, and once more: some rows are copies or out of the window
)
MOST_VALUES = 200  # of a slice column; one with more is no column of slices
NO_VALUE = "\0"
ALL_PLACES = 1 << 64
HIGHEST = ALL_PLACES - 1


class Unit(NamedTuple):
    """What is drawn: a request under one set of slices; copies of it that were logged under others are other units."""

    place: int
    token: str
    slices: tuple[str, ...]


@dataclass(slots=True)
class Request:
    """A request of the sample; `fields` holds the columns but id and time, `copies` the rows that logged it."""

    id: str | None
    time_us: int
    fields: dict[str, Any]
    labelled: bool
    copies: int = 1
    weight: float = 1.0

    def rank(self) -> tuple[bool, int, str]:
        """Order copies of one request: a labelled one before one without, then the later, then by content."""
        return self.labelled, self.time_us, repr(sorted(self.fields.items()))

    def merge(self, other: Request) -> None:
        """Take in another copy: what the higher in rank holds, and how many rows logged both."""
        self.copies += other.copies
        self.weight = min(self.weight, other.weight)
        if other.rank() > self.rank():
            self.fields, self.time_us, self.labelled = other.fields, other.time_us, other.labelled


class Reservoir:
    """Holds the requests with the lowest places of those offered, by any thread, and at most about as many again.

    A log that says early how long it is lets most rows be passed over from the start: see `expect`.
    """

    def __init__(self, size: int, per_slice: int, seed: int, label: str, slices: Sequence[str]) -> None:
        self._size = size
        self._per_slice = per_slice
        self._label = label
        self._key = seed_key(seed)
        self._columns = tuple(slices) if per_slice else ()
        self._values: dict[str, set[str]] = {column: set() for column in self._columns}
        self._overall = HIGHEST
        self._guessed = False
        self._of_slice: dict[tuple[int, str], int] = {}
        self._kept: dict[Unit, Request] = {}
        self._full_at = size + SLACK
        self._lock = Lock()

    def expect(self, rows: float) -> None:
        """Pass over places that a log of about so many requests hardly needs; a guess, of which `fell_short` tells."""
        limit = int(min(MARGIN * self._size / max(rows, 1), 1) * HIGHEST)
        with self._lock:
            if limit < self._overall == HIGHEST:
                self._overall, self._guessed = limit, True

    def fell_short(self) -> bool:
        """Tell whether the guess passed over requests that the sample needs, so that it has to be drawn without one."""
        with self._lock:
            self._shrink()
            return self._guessed

    def offer(self, chunk: Chunk, wanted: NDArray[np.bool_]) -> None:
        """Take the rows of a chunk where `wanted` is true and whose place is low enough."""
        tokens = _tokens(chunk)
        found = places(tokens, self._key)
        slices = [_Coded.of(chunk.slices[column], len(tokens)) for column in self._columns]
        with self._lock:
            limits, overall = self._limits(slices, len(tokens)), np.uint64(self._overall)
        rows = self._lowest(found, np.flatnonzero(wanted & (found <= limits)), slices, overall)
        requests = [
            (Unit(place, token, values), Request(name, time, fields, labelled=fields.get(self._label) is not None))
            for place, token, values, name, time, fields in zip(
                found[rows].tolist(),
                tokens.take(rows).to_pylist(),
                zip(*(coded.of_rows(rows) for coded in slices), strict=True) if slices else [()] * len(rows),
                chunk.ids.take(rows).to_pylist(),
                chunk.times_us[rows].tolist(),
                map(self._without_nan, chunk.take(rows)),
                strict=True,
            )
        ]
        with self._lock:
            for unit, request in requests:
                known = self._kept.setdefault(unit, request)
                if known is not request:
                    known.merge(request)
            if len(self._kept) > self._full_at:
                self._shrink()

    def requests(self) -> list[Request]:
        """Return the sample sorted by id; requests without one come last, in the order of file and row."""
        with self._lock:
            self._shrink()
        merged: dict[str, Request] = {}
        for unit, request in self._kept.items():
            below = max(self._overall, *self._thresholds(unit)) if self._columns else self._overall
            if unit.place < below or below == HIGHEST:
                request.weight = ALL_PLACES / (below + 1)
                known = merged.setdefault(unit.token, request)
                if known is not request:
                    known.merge(request)
        return [request for _, request in sorted(merged.items(), key=_by_id)]

    def columns(self) -> tuple[str, ...]:
        """Return the slice columns of which each value has requests of its own in the sample."""
        return tuple(column for column in self._columns if len(self._values[column]) <= MOST_VALUES)

    def _limits(self, slices: Sequence[_Coded], rows: int) -> NDArray[np.uint64]:
        """Return for each row the highest place at which it may still be in the sample, shape (rows,)."""
        limits = np.full(rows, self._overall, dtype=np.uint64)
        for number, coded in enumerate(slices):
            seen = self._values[self._columns[number]]
            if len(seen) <= MOST_VALUES:
                seen.update(coded.values)
            if len(seen) <= MOST_VALUES:
                of_value = [self._of_slice.get((number, value), HIGHEST) for value in coded.values]
                limits = np.maximum(limits, np.array(of_value, dtype=np.uint64)[coded.codes])
        return limits

    def _lowest(
        self, found: NDArray[np.uint64], rows: NDArray[np.intp], slices: Sequence[_Coded], overall: np.uint64
    ) -> NDArray[np.intp]:
        """Return those of `rows` that may be in a sample of these rows alone; a row that is not is in none of more."""
        if len(rows) <= self._per_slice:
            return rows
        low = found[rows] <= min(_nth_place(found[rows], self._size), overall)
        for coded in slices:
            if len(coded.values) > MOST_VALUES + 1:
                continue
            codes = coded.codes[rows]
            for code in np.unique(codes):
                same = codes == code
                low[same] |= found[rows[same]] <= _nth_place(found[rows[same]], self._per_slice)
        return rows[low]

    def _thresholds(self, unit: Unit) -> list[int]:
        """Return the thresholds of the unit's slices."""
        return [
            self._of_slice.get((number, value), HIGHEST)
            for number, value in enumerate(unit.slices)
            if len(self._values[self._columns[number]]) <= MOST_VALUES
        ] or [0]

    def _shrink(self) -> None:
        """Keep the units that are in the sample, and of each of its parts the first that is not: it is the threshold."""
        ordered = sorted(self._kept)
        kept = set(ordered[: self._size + 1])
        if len(ordered) > self._size and ordered[self._size].place <= self._overall:
            self._overall, self._guessed = ordered[self._size].place, False
        for number, column in enumerate(self._columns):
            if len(self._values[column]) > MOST_VALUES:
                continue
            of_value: dict[str, list[Unit]] = defaultdict(list)
            for unit in ordered:
                part = of_value[unit.slices[number]]
                if len(part) <= self._per_slice:
                    part.append(unit)
            for value, part in of_value.items():
                kept.update(part)
                if len(part) > self._per_slice:
                    self._of_slice[number, value] = part[-1].place
        self._kept = {unit: request for unit, request in self._kept.items() if unit in kept}
        self._full_at = 2 * len(kept) + SLACK

    def _without_nan(self, fields: dict[str, Any]) -> dict[str, Any]:
        label = fields.get(self._label)
        if label != label:  # noqa: PLR0124  NaN is how some writers say that there is none
            fields[self._label] = None
        return fields


class _Coded(NamedTuple):
    """The values of a slice column as text, and for each row the number of its value, shape (rows,)."""

    values: list[str]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, column: pa.DictionaryArray | None, rows: int) -> _Coded:
        if column is None:
            return cls([NO_VALUE], np.zeros(rows, dtype=np.intp))
        known = [NO_VALUE if value is None else text_of(value) or "" for value in column.dictionary.to_pylist()]
        codes = column.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
        return cls([*known, NO_VALUE], codes.astype(np.intp))

    def of_rows(self, rows: NDArray[np.intp]) -> list[str]:
        return [self.values[code] for code in self.codes[rows]]


def _nth_place(found: NDArray[np.uint64], number: int) -> np.uint64:
    """Return the lowest place but `number` others, copies of a request counted once; the highest where there are none."""
    different = np.unique(found)
    return different[number] if len(different) > number else np.uint64(HIGHEST)


def _tokens(chunk: Chunk) -> pa.Array:
    """Return the ids; a row without one stands for itself, under its file and number."""
    import pyarrow as pa

    if not chunk.ids.null_count:
        return chunk.ids
    named = zip(chunk.ids.to_pylist(), chunk.numbers, strict=True)
    return pa.array([f"\0{chunk.file}\0{number}" if name is None else name for name, number in named], pa.string())


def _by_id(item: tuple[str, Request]) -> tuple[bool, str]:
    token, request = item
    return request.id is None, token
