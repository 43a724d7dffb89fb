"""A uniform sample without replacement of distinct requests, drawn in one pass over a log of unknown length.

Every request has a place that its id and the seed alone decide: a keyed 64-bit hash. The sample is the `size` requests
with the lowest hashes, so it depends neither on the order of the rows nor on how they lie in files, and every copy of a
request in it has been counted. (Bottom-k sampling: Cohen & Kaplan, "Summarizing data using bottom-k sketches", 2007.)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.sample.readers import Chunk

SLACK = 1_000


@dataclass(slots=True)
class Request:
    """A request of the sample; `fields` holds the columns but id and time, `copies` the rows that logged it."""

    id: str | None
    time_us: int
    fields: dict[str, Any]
    labelled: bool
    copies: int = 1

    def rank(self) -> tuple[bool, int, str]:
        """Order copies of one request: a labelled one before one without, then the later, then by content."""
        return self.labelled, self.time_us, repr(sorted(self.fields.items()))


class Reservoir:
    """Holds the `size` distinct requests with the lowest hashes of those offered, and at most about as many again."""

    def __init__(self, size: int, seed: int, label: str) -> None:
        self._size = size
        self._label = label
        self._key = hashlib.sha256(f"sample {seed}".encode()).hexdigest()[:16]
        self._highest = np.uint64(np.iinfo(np.uint64).max)
        self._kept: dict[tuple[int, str], Request] = {}

    def offer(self, chunk: Chunk, wanted: NDArray[np.bool_]) -> None:
        """Take the rows of a chunk where `wanted` is true and whose hash is low enough."""
        tokens = [
            f"\0{chunk.file}\0{number}" if name is None else name
            for name, number in zip(chunk.ids, chunk.numbers, strict=True)
        ]
        hashes = self._hash(tokens)
        indices = np.flatnonzero(wanted & (hashes <= self._highest))
        for i, values in zip(indices, chunk.take(indices), strict=True):
            label = values.get(self._label)
            if label != label:  # noqa: PLR0124  NaN is how some writers say that there is none
                label = values[self._label] = None
            request = Request(chunk.ids[i], int(chunk.times_us[i]), values, label is not None)
            self._add((int(hashes[i]), tokens[i]), request)
        if len(self._kept) > 2 * self._size + SLACK:
            self._shrink()

    def requests(self) -> list[Request]:
        """Return the sample sorted by id; requests without one come last, in the order of file and row."""
        self._shrink()
        return [request for _, request in sorted(self._kept.items(), key=_by_id)]

    def _hash(self, tokens: list[str]) -> NDArray[np.uint64]:
        from pandas.util import hash_array

        hashes = hash_array(np.array(tokens, dtype=object), hash_key=self._key, categorize=False)
        return np.asarray(hashes, dtype=np.uint64)

    def _add(self, place: tuple[int, str], request: Request) -> None:
        known = self._kept.get(place)
        if known is not None:
            request.copies += known.copies
            if known.rank() > request.rank():
                request.fields, request.time_us, request.labelled = known.fields, known.time_us, known.labelled
        self._kept[place] = request

    def _shrink(self) -> None:
        if len(self._kept) > self._size:
            lowest = sorted(self._kept)[: self._size]
            self._kept = {place: self._kept[place] for place in lowest}
            self._highest = np.uint64(lowest[-1][0])


def _by_id(item: tuple[tuple[int, str], Request]) -> tuple[bool, str]:
    (_, token), request = item
    return request.id is None, token
