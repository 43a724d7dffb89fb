"""Reads the files of a log in chunks of bounded size; only the columns asked for, and only the rows taken, become values.

A line that is no JSON object, the rest of a broken gzip stream and the rest of a corrupt Parquet file are counted as
malformed; nothing that a file holds is fatal.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from tasks.data.sampling.log import LINES
from tasks.data.sampling.rows import NO_TIME, Chunk, Lines, Stored, decoded
from tasks.data.sampling.text import is_ascii, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

    from tasks.core.records import Columns
    from tasks.data.sampling.log import LogFile, LogSource
    from tasks.data.sampling.malformed import Malformed

FEEDBACK = "feedback"
SERVED = "prediction"  # what the service answered
OPTIONAL = (FEEDBACK, SERVED)
FETCH_BYTES = 4 << 20
BLOCK_BYTES = 1 << 20
LINE_BYTES = 16 << 20
COLUMN_BUFFER_BYTES = 256 << 10
BATCH_BYTES = 4 << 20
BATCH_ROWS = (1_024, 12_288)
RELEASE_BATCHES = 8
BROKEN_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)


class Wanted(NamedTuple):
    """The columns to read; `needed` ones are counted where they are absent, a log may do without `OPTIONAL` ones."""

    id: str
    time: str
    others: tuple[str, ...]
    slices: tuple[str, ...]
    few: tuple[str, ...]  # columns that hold few different values
    needed: frozenset[str]

    @classmethod
    def of(cls, columns: Columns) -> Wanted:
        """Return what a sample of a log with these columns holds."""
        needed = (columns.id, columns.time, *columns.input, columns.label, columns.status, *columns.parts)
        values = [name for name in dict.fromkeys((*needed, *OPTIONAL)) if name not in {columns.id, columns.time}]
        return cls(
            columns.id,
            columns.time,
            tuple(values),
            columns.slices,
            (columns.status, *columns.slices),
            frozenset(needed),
        )


def read_chunks(source: LogSource, file: LogFile, wanted: Wanted, malformed: Malformed) -> Iterator[Chunk]:
    """Yield the rows of a log file, whatever its format."""
    with source.open(file) as raw:
        if file.name.lower().endswith(LINES):
            yield from _read_lines(raw, file.name, wanted, malformed)
        else:
            yield from _read_parquet(raw, file.name, wanted, malformed)


def _read_lines(raw: io.RawIOBase, name: str, wanted: Wanted, malformed: Malformed) -> Iterator[Chunk]:
    buffered = io.BufferedReader(raw, FETCH_BYTES)
    stream = gzip.GzipFile(fileobj=buffered) if name.lower().endswith(".gz") else buffered
    number = 0
    try:
        for lines in _lines(stream):
            rows = {}
            for number, line in enumerate(lines, number + 1):  # noqa: B020  the count goes on over blocks
                row = _parse(line, name, number, malformed)
                if row is not None:
                    rows[number] = row
            if rows:
                yield _chunk_of_lines(name, rows, wanted)
    except BROKEN_GZIP as error:
        malformed.add(name, number + 1, f"the gzip stream is broken and the rest of the file is lost: {error}")


def _lines(stream: io.BufferedReader[io.RawIOBase] | gzip.GzipFile) -> Iterator[list[bytes]]:
    """Yield whole lines, a block's at a time; of a line over `LINE_BYTES` only so much that its length shows."""
    rest = b""
    for block in _blocks(stream):
        *lines, rest = (rest + block).split(b"\n")
        rest = rest[: LINE_BYTES + 1]
        yield lines
    yield [rest]


def _blocks(stream: io.BufferedReader[io.RawIOBase] | gzip.GzipFile) -> Iterator[bytes]:
    """Yield the stream in blocks; what comes before a fault is yielded before the fault is raised."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := stream.read1(BLOCK_BYTES):
            parts.append(part)
            size += len(part)
            if size >= BLOCK_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
    except BROKEN_GZIP:
        yield b"".join(parts)
        raise
    yield b"".join(parts)


def _parse(line: bytes, name: str, number: int, malformed: Malformed) -> dict[str, Any] | None:
    if not line or line.isspace():
        return None
    if len(line) > LINE_BYTES:
        malformed.add(name, number, f"the line is longer than {LINE_BYTES} bytes", line)
        return None
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        malformed.add(name, number, f"not JSON, {error.msg} at character {error.pos + 1}", line)
        return None
    if isinstance(row, dict):
        return row
    malformed.add(name, number, "not a JSON object", line)
    return None


def _chunk_of_lines(name: str, by_number: dict[int, dict[str, Any]], wanted: Wanted) -> Chunk:
    import pyarrow as pa

    rows = list(by_number.values())
    missing: Counter[str] = Counter()
    for row in rows:
        if not wanted.needed <= row.keys():
            missing.update(wanted.needed - row.keys())
    times = [row.get(wanted.time) for row in rows]
    slices = {name: pa.array([text_of(row.get(name)) for row in rows], pa.string()) for name in wanted.slices}
    return Chunk(
        file=name,
        numbers=list(by_number),
        ids=pa.array([text_of(row.get(wanted.id)) for row in rows], pa.string()),
        times_us=_parse_times([time if isinstance(time, str) else None for time in times]),
        slices={name: column.dictionary_encode() for name, column in slices.items()},
        missing=missing,
        rows=Lines(rows, wanted.others),
    )


def _parse_times(texts: list[str | None]) -> NDArray[np.int64]:
    """Return ISO 8601 texts as microseconds since 1970; one without a zone is taken as UTC, an unreadable one is none."""
    import pandas as pd

    times = pd.to_datetime(np.array(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
    return np.asarray(times.as_unit("us").asi8, dtype=np.int64)


def _read_parquet(raw: io.RawIOBase, name: str, wanted: Wanted, malformed: Malformed) -> Iterator[Chunk]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    read = rows = 0
    try:
        metadata = pq.read_metadata(raw)
        rows = metadata.num_rows
        stored = {metadata.schema.column(number).path for number in range(metadata.num_columns)}
        few = [key for key in wanted.few if key in stored]
        # Without the buffer, and with threads, whole column chunks are held at once.
        file = pq.ParquetFile(
            raw, metadata=metadata, read_dictionary=few, buffer_size=COLUMN_BUFFER_BYTES, pre_buffer=False
        )
        present = [key for key in (wanted.id, wanted.time, *wanted.others) if key in file.schema_arrow.names]
        for number, batch in enumerate(file.iter_batches(_batch_rows(metadata), columns=present, use_threads=False), 1):
            for column in batch.columns:
                if not is_ascii(column):  # what is, is valid
                    column.validate(full=True)
            yield _chunk_of_batch(name, read, batch, wanted)._replace(of_rows=rows)
            read += batch.num_rows
            if number % RELEASE_BATCHES == 0:  # what it keeps for later would add up, but to get it anew takes time
                pa.default_memory_pool().release_unused()
        pa.default_memory_pool().release_unused()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        malformed.add(name, None, f"the Parquet file is corrupt after row {read}: {reason}", rows=max(1, rows - read))


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """Return how many rows to read at once: enough to work on whole columns, too few to fill the memory."""
    fewest, most = BATCH_ROWS
    stored: int = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    return int(min(max(BATCH_BYTES * metadata.num_rows // max(stored, 1), fewest), most))


def _chunk_of_batch(name: str, before: int, batch: pa.RecordBatch, wanted: Wanted) -> Chunk:
    import pyarrow as pa

    rows, present = batch.num_rows, batch.schema.names
    others = [key for key in wanted.others if key in present]
    return Chunk(
        file=name,
        numbers=range(before + 1, before + rows + 1),
        ids=_texts(batch.column(wanted.id)) if wanted.id in present else pa.nulls(rows, pa.string()),
        times_us=_times(batch.column(wanted.time)) if wanted.time in present else np.full(rows, NO_TIME),
        slices={name: _coded(batch.column(name)) if name in present else None for name in wanted.slices},
        missing=Counter(dict.fromkeys(wanted.needed.difference(present), rows)),
        rows=Stored(batch.select(others)) if others else Lines([{}] * rows, ()),
    )


def _texts(column: pa.Array) -> pa.Array:
    """Return a column as strings."""
    import pyarrow as pa

    column = decoded(column)
    if pa.types.is_string(column.type):
        return column
    if (
        pa.types.is_integer(column.type)
        or pa.types.is_large_string(column.type)
        or pa.types.is_string_view(column.type)
    ):
        return column.cast(pa.string())
    return pa.array([text_of(value) for value in column.to_pylist()], pa.string())


def _coded(column: pa.Array) -> pa.DictionaryArray | None:
    """Return a column's values and which row has which; None where its values are lists or objects."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        whole = len(column.dictionary) > len(column)  # that of a whole file, of which these rows may have few
        return column.dictionary_decode().dictionary_encode() if whole else column
    return None if pa.types.is_nested(column.type) else column.dictionary_encode()


def _times(column: pa.Array) -> NDArray[np.int64]:
    """Return timestamps as microseconds since 1970; one without a zone is taken as UTC."""
    import pyarrow as pa

    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    if not pa.types.is_timestamp(column.type):
        return _parse_times([value if isinstance(value, str) else None for value in column.to_pylist()])
    whole = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).view(pa.int64())
    return np.asarray((whole.fill_null(NO_TIME) if whole.null_count else whole).to_numpy(), dtype=np.int64)
