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

    from tasks.sample.readers import Chunk, Rows

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


class Candidates(NamedTuple):
    """Rows of one chunk that may be in the sample, not yet Python values, so that few ever become some.

    `tokens` tell requests apart, `slices` holds the value of each slice column as text.
    """

    places: NDArray[np.uint64]
    tokens: pa.Array
    ids: pa.Array
    times_us: NDArray[np.int64]
    slices: list[pa.Array]
    rows: Rows


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
        self._waiting: list[Candidates] = []
        self._waiting_rows = 0
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
            limits = self._limits(slices)
        rows = np.flatnonzero(wanted & (found <= limits))
        if not len(rows):
            return
        taken = Candidates(
            places=found[rows],
            tokens=tokens.take(rows),
            ids=chunk.ids.take(rows),
            times_us=chunk.times_us[rows],
            slices=[coded.of_rows(rows) for coded in slices],
            rows=chunk.rows.take(rows),
        )
        with self._lock:
            self._waiting.append(taken)
            self._waiting_rows += len(rows)
            if self._waiting_rows > max(2 * self._size, len(self._kept)) + SLACK:
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

    def _limits(self, slices: Sequence[_Coded]) -> NDArray[np.uint64]:
        """Return the highest place at which each row may still be in the sample, shape (rows,), or (1,) for all."""
        limits = np.full(1, self._overall, dtype=np.uint64)
        for number, coded in enumerate(slices):
            seen = self._values[self._columns[number]]
            if len(seen) <= MOST_VALUES:
                seen.update(coded.values)
            if len(seen) <= MOST_VALUES:
                of_value = [self._of_slice.get((number, value), HIGHEST) for value in coded.values]
                limits = np.maximum(limits, np.array(of_value, dtype=np.uint64)[coded.codes])
        return limits

    def _absorb(self) -> None:
        """Make requests of the waiting rows that may be in a sample of them alone; others are in none of more."""
        low = self._lowest()
        start = 0
        for waiting in self._waiting:
            end = start + len(waiting.places)
            if len(rows := np.flatnonzero(low[start:end])):
                self._keep(waiting, rows)
            start = end
        self._waiting, self._waiting_rows = [], 0

    def _lowest(self) -> NDArray[np.bool_]:
        """Tell which of all waiting rows are among the lowest of them, or of a slice of them, shape (rows,)."""
        import pyarrow as pa

        found = np.concatenate([waiting.places for waiting in self._waiting])
        low = found <= min(_nth_place(found, self._size), np.uint64(self._overall))
        for number, column in enumerate(self._columns):
            if len(self._values[column]) <= MOST_VALUES:
                values = pa.concat_arrays([waiting.slices[number] for waiting in self._waiting]).dictionary_encode()
                codes = values.indices.to_numpy()
                for code in range(len(values.dictionary)):
                    same = codes == code
                    low[same] |= found[same] <= _nth_place(found[same], self._per_slice)
        return low

    def _keep(self, waiting: Candidates, rows: NDArray[np.intp]) -> None:
        """Make requests of some rows, or merge them into the requests that they are copies of."""
        values = [column.take(rows).to_pylist() for column in waiting.slices]
        for place, token, slices, name, time, fields in zip(
            waiting.places[rows].tolist(),
            waiting.tokens.take(rows).to_pylist(),
            zip(*values, strict=True) if values else [()] * len(rows),
            waiting.ids.take(rows).to_pylist(),
            waiting.times_us[rows].tolist(),
            map(self._without_nan, waiting.rows.take(rows).to_pylist()),
            strict=True,
        ):
            request = Request(name, time, fields, labelled=fields.get(self._label) is not None)
            known = self._kept.setdefault(Unit(place, token, slices), request)
            if known is not request:
                known.merge(request)

    def _thresholds(self, unit: Unit) -> list[int]:
        """Return the thresholds of the unit's slices."""
        return [
            self._of_slice.get((number, value), HIGHEST)
            for number, value in enumerate(unit.slices)
            if len(self._values[self._columns[number]]) <= MOST_VALUES
        ] or [0]

    def _shrink(self) -> None:
        """Keep the units that are in the sample, and of each of its parts the first that is not: it is the threshold."""
        if self._waiting:
            self._absorb()
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

    def of_rows(self, rows: NDArray[np.intp]) -> pa.Array:
        import pyarrow as pa

        return pa.array(self.values, pa.string()).take(self.codes[rows])


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
