"""Where each request stands in the draw: a 64-bit hash of its id, keyed by the seed, of a whole column at a time.

Equal ids get equal places, and the places of different ids are spread evenly, so the requests with the lowest places are
a uniform sample. The words of a text are mixed as XXH64 mixes a short input's (Collet, xxHash specification 0.1.1, 2021),
with zeros after the last byte; the length, mixed in first, tells them from zeros of the text's own. A long text stands
for itself by its BLAKE2b digest.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

WORD = 8
LONG = 64  # bytes; ids are shorter, and each word more costs a pass over the column
PRIMES = tuple(
    np.uint64(prime)
    for prime in (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
)
KEEP = np.array([(1 << 8 * kept) - 1 for kept in range(WORD + 1)], dtype=np.uint64)  # of a word, the first bytes


def seed_key(seed: int) -> int:
    """Return the key under which a seed hashes."""
    return int.from_bytes(hashlib.sha256(f"sample {seed}".encode()).digest()[:WORD], "little")


def places(texts: pa.Array, key: int) -> NDArray[np.uint64]:
    """Return the places of a column of strings, shape (n,); a null has the place of an empty text."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    first, last = int(ends[0]), int(ends[-1])
    content = np.zeros(last - first + WORD, dtype=np.uint8)
    if last > first:
        content[: last - first] = np.frombuffer(data, dtype=np.uint8)[first:last]
    starts, sizes = ends[:-1] - first, np.diff(ends)
    for row in np.flatnonzero(sizes > LONG):
        start, size = starts[row], sizes[row]
        digest = hashlib.blake2b(content[start : start + size].tobytes(), digest_size=LONG).digest()
        content[start : start + LONG] = np.frombuffer(digest, dtype=np.uint8)
    lengths = np.minimum(sizes, LONG)
    found = (sizes.astype(np.uint64) + PRIMES[4]) + np.uint64(key)
    anywhere = np.ndarray(len(content) - WORD + 1, dtype="<u8", buffer=content, strides=(1,))
    shortest, longest = (int(lengths.min()), int(lengths.max())) if len(texts) else (0, 0)
    even = shortest * len(texts) == last - first  # texts of one length, each where the one before ends
    for done in range(0, longest, WORD):
        if even:
            words = np.ndarray(len(texts), dtype="<u8", buffer=content, offset=done, strides=(longest,))
            found = _mix(found, words & KEEP[min(longest - done, WORD)])
        elif shortest > done:
            found = _mix(found, anywhere[starts + done] & KEEP[np.minimum(lengths - done, WORD)])
        else:
            rows = np.flatnonzero(lengths > done)
            found[rows] = _mix(
                found[rows], anywhere[starts[rows] + done] & KEEP[np.minimum(lengths[rows] - done, WORD)]
            )
    return _avalanche(found)


def _mix(found: NDArray[np.uint64], word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    found = found ^ (_rotated(word * PRIMES[1], 31) * PRIMES[0])
    return _rotated(found, 27) * PRIMES[0] + PRIMES[3]


def _avalanche(found: NDArray[np.uint64]) -> NDArray[np.uint64]:
    found = (found ^ (found >> np.uint64(33))) * PRIMES[1]
    found = (found ^ (found >> np.uint64(29))) * PRIMES[2]
    return found ^ (found >> np.uint64(32))


def _rotated(word: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))
