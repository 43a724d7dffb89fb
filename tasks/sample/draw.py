"""Draws the production sample: which files are opened, which rows count, and what is said of them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.evidence import SampleEvidence
from tasks.records import InputError
from tasks.sample.log import FORMATS, is_log, may_hold
from tasks.sample.malformed import Malformed
from tasks.sample.readers import NO_TIME, Wanted, read_chunks, text_of
from tasks.sample.reservoir import Reservoir
from tasks.sample.write import COPIES, write_sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.policy import Sampling
    from tasks.records import Columns
    from tasks.sample.log import LogFile, LogSource
    from tasks.sample.reservoir import Request

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """The time (start, end], in UTC."""

    start: datetime
    end: datetime


class Seen(NamedTuple):
    """Rows that were read: how many, how many of them outside of the window, and how many without each column."""

    rows: int
    outside: int
    missing: Counter[str]


def draw_sample(source: LogSource, columns: Columns, sampling: Sampling, as_of: datetime, out: Path) -> SampleEvidence:
    """Write a uniform sample of the distinct requests in (as_of - window, as_of] to `out` and say what the log held.

    `out` is Parquet under the log's own column names, sorted by id: ids as text, times as UTC microseconds, a column
    of one type as it is and one of several types (or of objects) as text, `feedback` where the log has it, and
    `copies`, how many rows logged the request. Of those rows a labelled one is kept, else the latest. A row whose time
    is missing or unreadable counts as inside the window. The first malformed rows go to `<stem>.malformed.jsonl`
    beside `out`. An empty window gives no rows and is no error.

    Raises InputError where the source holds no log files, or nothing that was opened could be read.
    """
    end = as_of.astimezone(UTC)
    window = Window(end - timedelta(days=sampling.window_days), end)
    wanted = _wanted(columns)
    opened = [file for file in _log_files(source) if may_hold(file.name, window.start, window.end)]
    reservoir, malformed = Reservoir(sampling.rows, sampling.seed, columns.label), Malformed()
    seen = _scan(source, opened, wanted, window, reservoir, malformed)
    requests = reservoir.requests()
    return SampleEvidence(
        source=source.address,
        window_start=window.start,
        window_end=window.end,
        seed=sampling.seed,
        asked_rows=sampling.rows,
        rows=len(requests),
        log_rows=seen.rows,
        log_files=len(opened),
        malformed_rows=malformed.rows,
        malformed_examples=tuple(malformed.examples),
        outside_window_rows=seen.outside,
        duplicated_rows=sum(request.copies > 1 for request in requests),
        labelled_rows=sum(request.labelled for request in requests),
        by_status=_by_status(requests, columns.status),
        missing_columns=dict(sorted(seen.missing.items())),
        raw=write_sample(requests, wanted, malformed, out),
    )


def _scan(
    source: LogSource,
    opened: Sequence[LogFile],
    wanted: Wanted,
    window: Window,
    reservoir: Reservoir,
    malformed: Malformed,
) -> Seen:
    start, end = ((time - EPOCH) // timedelta(microseconds=1) for time in window)
    rows = outside = 0
    missing: Counter[str] = Counter()
    for file in opened:
        for chunk in read_chunks(source, file, wanted, malformed):
            inside = (chunk.times_us == NO_TIME) | ((chunk.times_us > start) & (chunk.times_us <= end))
            rows += len(inside)
            outside += int(np.count_nonzero(~inside))
            missing.update(chunk.missing)
            reservoir.offer(chunk, inside)
    if malformed.rows and not rows:
        raise InputError(
            f"no row of the {len(opened)} log files in {source.address} from {window.start:%Y-%m-%d} to"
            f" {window.end:%Y-%m-%d} could be read; the first fault is {malformed.examples[0]}"
        )
    return Seen(rows, outside, missing)


def _wanted(columns: Columns) -> Wanted:
    wanted = Wanted.of(columns)
    if COPIES in wanted.needed:
        raise InputError(
            f"the column '{COPIES}' is what the sample itself adds, how often each request was logged;"
            " give the log's column another name in candidate.yaml"
        )
    return wanted


def _log_files(source: LogSource) -> list[LogFile]:
    files = source.files()
    logs = [file for file in files if is_log(file.name)]
    if not logs:
        found = f"none of its {len(files)} files has one of the endings" if files else "there is no file with an ending"
        raise InputError(f"{source.address} holds no prediction log: {found} {', '.join(FORMATS)}")
    return logs


def _by_status(requests: Sequence[Request], column: str) -> dict[str, int]:
    statuses = Counter(text_of(request.fields.get(column)) or "missing" for request in requests)
    return dict(sorted(statuses.items()))
