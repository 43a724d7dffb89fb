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

from tasks.data.sampling.text import ends_and_bytes

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
    ends, data = ends_and_bytes(texts)
    content = np.empty(len(data) + WORD, dtype=np.uint8)
    content[: len(data)] = data
    content[len(data) :] = 0
    sizes = np.diff(ends)
    shortest, longest = (int(sizes.min()), int(sizes.max())) if len(texts) else (0, 0)
    found = sizes.astype(np.uint64)
    found += PRIMES[4]
    found += np.uint64(key)
    if shortest == longest <= LONG and longest * len(texts) == len(data):
        _mix_even(found, content, longest)
    else:
        _mix_uneven(found, content, ends[:-1], sizes)
    _avalanche(found)
    return found


def _mix_even(found: NDArray[np.uint64], content: NDArray[np.uint8], size: int) -> None:
    """Mix texts of one length, each where the one before ends."""
    for done in range(0, size, WORD):
        words = np.ndarray(len(found), dtype="<u8", buffer=content, offset=done, strides=(size,))
        _mix(found, words & KEEP[min(size - done, WORD)])


def _mix_uneven(
    found: NDArray[np.uint64], content: NDArray[np.uint8], starts: NDArray[np.int64], sizes: NDArray[np.int64]
) -> None:
    for row in np.flatnonzero(sizes > LONG):
        start, size = starts[row], sizes[row]
        digest = hashlib.blake2b(content[start : start + size].tobytes(), digest_size=LONG).digest()
        content[start : start + LONG] = np.frombuffer(digest, dtype=np.uint8)
    lengths = np.minimum(sizes, LONG)
    anywhere = np.ndarray(len(content) - WORD + 1, dtype="<u8", buffer=content, strides=(1,))
    for done in range(0, int(lengths.max(initial=0)), WORD):
        rows = np.flatnonzero(lengths > done)
        some = found[rows]
        _mix(some, anywhere[starts[rows] + done] & KEEP[np.minimum(lengths[rows] - done, WORD)])
        found[rows] = some


def _mix(found: NDArray[np.uint64], word: NDArray[np.uint64]) -> None:
    """Mix a word of each text into `found`, both shape (n,) and both changed: new arrays take as long as the work."""
    spare = np.empty_like(word)
    word *= PRIMES[1]
    _rotate(word, 31, spare)
    word *= PRIMES[0]
    found ^= word
    _rotate(found, 27, spare)
    found *= PRIMES[0]
    found += PRIMES[3]


def _avalanche(found: NDArray[np.uint64]) -> None:
    found ^= found >> np.uint64(33)
    found *= PRIMES[1]
    found ^= found >> np.uint64(29)
    found *= PRIMES[2]
    found ^= found >> np.uint64(32)


def _rotate(word: NDArray[np.uint64], bits: int, spare: NDArray[np.uint64]) -> None:
    np.right_shift(word, np.uint64(64 - bits), out=spare)
    word <<= np.uint64(bits)
    word |= spare
