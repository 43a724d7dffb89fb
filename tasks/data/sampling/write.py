"""Writes a sample as Parquet, and beside it the rows of the log that could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core.files import digest_bytes, write_whole
from tasks.data.sampling.readers import OPTIONAL
from tasks.data.sampling.rows import NO_TIME
from tasks.data.sampling.text import text_of
from tasks.evidence import Raw

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from tasks.data.sampling.malformed import Malformed
    from tasks.data.sampling.readers import Wanted
    from tasks.data.sampling.reservoir import Sample

COPIES = "copies"
WEIGHT = "sampling_weight"


def write_sample(sample: Sample, wanted: Wanted, malformed: Malformed, out: Path) -> Raw:
    """Write the sample to `out` and the malformed rows, if any, to `<stem>.malformed.jsonl` beside it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = pa.BufferOutputStream()
    pq.write_table(_table(sample, wanted), stream, compression="zstd")
    data = stream.getvalue().to_pybytes()
    write_whole(out, data)
    aside = out.with_name(f"{out.stem}.malformed.jsonl")
    if malformed.rows:
        write_whole(aside, malformed.kept())
    else:
        aside.unlink(missing_ok=True)
    return Raw(path=out.name, sha256=digest_bytes(data), rows=len(sample.ids))


def _table(sample: Sample, wanted: Wanted) -> pa.Table:
    import pyarrow as pa

    times = sample.times_us
    columns = {
        wanted.id: pa.array(sample.ids, pa.string()),
        wanted.time: pa.array(times, pa.int64(), mask=times == NO_TIME).cast(pa.timestamp("us", tz="UTC")),
    }
    for name in wanted.others:
        if name not in OPTIONAL or name in wanted.needed or sample.rows.has(name):
            columns[name] = _column(sample.values(name))
    columns[COPIES] = pa.array(sample.copies, pa.int64())
    columns[WEIGHT] = pa.array(sample.weights, pa.float64())
    return pa.table(columns)


def _column(values: list[Any]) -> pa.Array:
    """Return the values under the one type they have, or else as text: Arrow would fill up an object's absent keys."""
    import pyarrow as pa

    if all(value is None for value in values):
        return pa.nulls(len(values), pa.string())
    try:
        column = pa.array(values)
    except (pa.ArrowException, TypeError, OverflowError):
        column = None
    if column is None or "struct<" in str(column.type):
        return pa.array([text_of(value) for value in values], pa.string())
    return column
