"""Values of a log as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


def text_of(value: Any) -> str | None:
    """Return a value as text: text and null as they are, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()


def ends_and_bytes(texts: pa.StringArray) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return the bytes of all texts, end to end, and between which each lies, shape (n + 1,) from 0."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    first, last = ends[0], ends[-1]
    found = np.frombuffer(data, dtype=np.uint8)[first:last] if last > first else np.empty(0, dtype=np.uint8)
    return ends - first, found


def is_ascii(column: pa.Array) -> bool:
    """Tell of a column of strings, at a fraction of what it takes to decode them, whether all of it is ASCII."""
    import pyarrow as pa

    if not pa.types.is_string(column.type) or not len(column):
        return False
    _, offsets, data = column.buffers()
    first, last = np.frombuffer(offsets, dtype=np.int32)[[column.offset, column.offset + len(column)]]
    return first == last or bool(np.frombuffer(data, dtype=np.int8)[first:last].min() >= 0)
