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

from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.data.sampling.keyed_hash import places, seed_key
from tasks.data.sampling.rows import Lines, joined
from tasks.data.sampling.text import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from tasks.data.sampling.rows import Chunk, Rows

SLACK = 1_000
MARGIN = (
    2  # as many places as a sample of the guessed log takes, and once more: some rows are copies or out of the window
)
MOST_VALUES = 200  # of a slice column; one with more is no column of slices
NO_VALUE = "\0"
ALL_PLACES = 1 << 64
HIGHEST = ALL_PLACES - 1


class Sample(NamedTuple):
    """The requests that were drawn, sorted by id; those without one come last, in the order of file and row.

    `copies` is how many rows logged each and `weights` how many requests of the log it stands for, both shape (n,).
    """

    ids: list[str | None]
    times_us: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    copies: NDArray[np.int64]
    weights: NDArray[np.float64]
    label: str
    rows: Rows

    def values(self, column: str) -> list[Any]:
        """Return a column but id and time; a label that is NaN is none."""
        values = self.rows.values(column)
        return [value if _is_label(value) else None for value in values] if column == self.label else values


class Candidates(NamedTuple):
    """Rows that may be in the sample, not yet Python values, so that few ever become some.

    `copies` is how many rows each stands for, `tokens` tell requests apart, `labelled` tells which have a label and
    `slices` holds the value of each slice column as text.
    """

    places: NDArray[np.uint64]
    copies: NDArray[np.int64]
    tokens: pa.Array
    ids: pa.Array
    times_us: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    slices: list[pa.Array]
    rows: Rows

    def take(self, rows: NDArray[np.intp]) -> Candidates:
        """Return some of the rows, in the order of the indices."""
        return Candidates(
            places=self.places[rows],
            copies=self.copies[rows],
            tokens=self.tokens.take(rows),
            ids=self.ids.take(rows),
            times_us=self.times_us[rows],
            labelled=self.labelled[rows],
            slices=[column.take(rows) for column in self.slices],
            rows=self.rows.take(rows),
        )


class Reservoir:
    """Holds the requests with the lowest places of those offered, by any thread, and at most about as many again.

    What is drawn is a unit: a request under one set of slices; copies of it that were logged under others are other
    units. Different ids have different places, but for one pair in 2^64. A log that says early how long it is lets most
    rows be passed over from the start: see `expect`.
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
        self._kept: Candidates | None = None  # one row a unit, in the order of places
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
        low = np.flatnonzero(wanted & (found <= limits))
        if not len(low):
            return
        named, rows = tokens.take(low), chunk.rows.take(low)
        taken = Candidates(
            places=found[low],
            copies=np.ones(len(low), dtype=np.int64),
            tokens=named,
            ids=named if tokens is chunk.ids else chunk.ids.take(low),
            times_us=chunk.times_us[low],
            labelled=np.array([_is_label(value) for value in rows.values(self._label)], dtype=bool),
            slices=[coded.of_rows(low) for coded in slices],
            rows=rows,
        )
        with self._lock:
            self._waiting.append(taken)
            self._waiting_rows += len(low)
            if self._waiting_rows > max(2 * self._size, len(self._kept.places) if self._kept else 0) + SLACK:
                self._shrink()

    def sample(self) -> Sample:
        """Return what was drawn."""
        with self._lock:
            self._shrink()
        if self._kept is None:
            none = np.empty(0, dtype=np.int64)
            return Sample([], none, none.astype(bool), none, none.astype(float), self._label, Lines([], ()))
        below = self._limits([_Coded.of_texts(column) for column in self._kept.slices])
        below = np.broadcast_to(below, self._kept.places.shape)
        drawn = np.flatnonzero((self._kept.places < below) | (below == HIGHEST))
        weight_below = {limit: ALL_PLACES / (limit + 1) for limit in set(below[drawn].tolist())}
        weights = np.array([weight_below[limit] for limit in below[drawn].tolist()], dtype=float)
        units = self._kept.take(drawn)
        nameless = np.asarray(units.ids.is_null())
        order, starts, best = self._grouped(units, (nameless, _Coded.of_texts(units.tokens).codes))
        sample = units.take(best)
        return Sample(
            ids=sample.ids.to_pylist(),
            times_us=sample.times_us,
            labelled=sample.labelled,
            copies=np.add.reduceat(units.copies[order], starts),
            weights=np.minimum.reduceat(weights[order], starts),
            label=self._label,
            rows=sample.rows,
        )

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

    def _shrink(self) -> None:
        """Keep the units that are in the sample, and of each of its parts the first that is not: it is the threshold."""
        if not self._waiting:
            return
        every = _joined([*([self._kept] if self._kept else []), *self._waiting])
        self._waiting, self._waiting_rows = [], 0
        slices = [_Coded.of_texts(column) for column in every.slices]
        order, starts, best = self._grouped(every, (every.places, *(coded.codes for coded in slices)))
        copies = np.add.reduceat(every.copies[order], starts)
        found = every.places[best]
        kept = np.arange(len(best)) <= self._size
        if len(best) > self._size and found[self._size] <= self._overall:
            self._overall, self._guessed = int(found[self._size]), False
        for number, (column, coded) in enumerate(zip(self._columns, slices, strict=True)):
            if len(self._values[column]) > MOST_VALUES:
                continue
            for code, value in enumerate(coded.values):
                part = np.flatnonzero(coded.codes[best] == code)[: self._per_slice + 1]
                kept[part] = True
                if len(part) > self._per_slice:
                    self._of_slice[number, value] = int(found[part[-1]])
        self._kept = every.take(best[kept])._replace(copies=copies[kept])

    def _grouped(
        self, every: Candidates, groups: Sequence[NDArray[Any]]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows in the order of their groups, where each group starts, and the row that stands for each.

        A labelled one stands for all, before one without; then the latest; then the last by content.
        """
        keys = (*groups, every.labelled, every.times_us)
        order = np.lexsort(keys[::-1])
        tied = _repeated(keys, order)
        if tied.any():
            rows = order[np.append(tied, False) | np.insert(tied, 0, False)]
            texts = self._contents(every, rows)
            ranks = {text: rank for rank, text in enumerate(sorted(set(texts)))}
            content = np.zeros(len(order), dtype=np.intp)
            content[rows] = [ranks[text] for text in texts]
            order = np.lexsort((content, *keys[::-1]))
        starts = np.flatnonzero(np.insert(~_repeated(groups, order), 0, True))
        return order, starts, order[np.append(starts[1:], len(order)) - 1]

    def _contents(self, every: Candidates, rows: NDArray[np.intp]) -> list[str]:
        """Return what orders copies that differ in nothing but what they hold."""
        found = every.rows.take(rows).to_pylist()
        for fields in found:
            if self._label in fields and not _is_label(fields[self._label]):
                fields[self._label] = None
        return [repr(sorted(fields.items())) for fields in found]


class _Coded(NamedTuple):
    """The values of a slice column as text, and for each row the number of its value, shape (rows,)."""

    values: list[str]
    codes: NDArray[np.integer[Any]]

    @classmethod
    def of(cls, column: pa.DictionaryArray | None, rows: int) -> _Coded:
        if column is None:
            return cls([NO_VALUE], np.zeros(rows, dtype=np.intp))
        known = [NO_VALUE if value is None else text_of(value) or "" for value in column.dictionary.to_pylist()]
        codes = column.indices.fill_null(len(known)) if column.null_count else column.indices
        return cls([*known, NO_VALUE], codes.to_numpy())

    @classmethod
    def of_texts(cls, column: pa.Array) -> _Coded:
        """Return strings, none of them null, coded by their order."""
        coded = column.dictionary_encode()
        known = coded.dictionary.to_pylist()
        ordered = sorted(known)
        numbers = {value: number for number, value in enumerate(ordered)}
        return cls(ordered, np.array([numbers[value] for value in known], dtype=np.intp)[coded.indices.to_numpy()])

    def of_rows(self, rows: NDArray[np.intp]) -> pa.Array:
        import pyarrow as pa

        return pa.array([self.values[code] for code in self.codes[rows].tolist()], pa.string())


def _is_label(value: Any) -> bool:
    return value is not None and bool(value == value)  # noqa: PLR0124  NaN is how some writers say that there is none


def _repeated(keys: Sequence[NDArray[Any]], order: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which rows but the first have the same keys as the row before them in the order, shape (rows - 1,)."""
    same: NDArray[np.bool_] = np.logical_and.reduce([key[order[1:]] == key[order[:-1]] for key in keys])
    return same


def _tokens(chunk: Chunk) -> pa.Array:
    """Return the ids; a row without one stands for itself, under its file and number."""
    import pyarrow as pa

    if not chunk.ids.null_count:
        return chunk.ids
    named = zip(chunk.ids.to_pylist(), chunk.numbers, strict=True)
    return pa.array([f"\0{chunk.file}\0{number}" if name is None else name for name, number in named], pa.string())


def _joined(parts: Sequence[Candidates]) -> Candidates:
    import pyarrow as pa

    return Candidates(
        places=np.concatenate([part.places for part in parts]),
        copies=np.concatenate([part.copies for part in parts]),
        tokens=pa.concat_arrays([part.tokens for part in parts]),
        ids=pa.concat_arrays([part.ids for part in parts]),
        times_us=np.concatenate([part.times_us for part in parts]),
        labelled=np.concatenate([part.labelled for part in parts]),
        slices=[pa.concat_arrays(columns) for columns in zip(*(part.slices for part in parts), strict=True)],
        rows=joined([part.rows for part in parts]),
    )
