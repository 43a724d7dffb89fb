"""Draws the production sample: which files are opened, which rows count, and what is said of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.core.errors import InputError
from tasks.data.sampling.log import FORMATS, is_log, may_hold
from tasks.data.sampling.malformed import Malformed
from tasks.data.sampling.readers import Wanted, read_chunks
from tasks.data.sampling.reservoir import Reservoir
from tasks.data.sampling.rows import NO_TIME
from tasks.data.sampling.text import text_of
from tasks.data.sampling.write import COPIES, WEIGHT, write_sample
from tasks.evidence import SampleEvidence, Stratum

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tasks.core.records import Columns
    from tasks.core.settings import Sampling
    from tasks.data.sampling.arrival_times import LatestTimes
    from tasks.data.sampling.log import LogFile, LogSource
    from tasks.data.sampling.reservoir import Sample

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MISSING = "(missing)"
READERS = 2  # files at once: one is read while another is waited for or looked through; more only take memory


class Window(NamedTuple):
    """The time (start, end], in UTC."""

    start: datetime
    end: datetime


class LogCounts(NamedTuple):
    """Rows that were read: how many, how many outside of the window and without each column, and what was malformed."""

    rows: int
    outside: int
    missing: Counter[str]
    malformed: Malformed


def draw_sample(
    source: LogSource,
    columns: Columns,
    sampling: Sampling,
    as_of: datetime,
    out: Path,
    since: datetime | None = None,
    times: LatestTimes | None = None,
) -> SampleEvidence:
    """Write a sample of the distinct requests in (since, as_of] to `out` and say what the log held.

    Without `since` the window is the one that `sampling` asks for. `times` is offered when each of its rows came.

    `sampling.rows` requests are drawn uniformly, and of each value of each slice column at least
    `sampling.rows_per_slice` where the log has as many. The same seed and log give the same bytes, whatever the order
    of rows and files. `out` is Parquet under the log's own column names, sorted by id: ids as text, times as UTC
    microseconds, a column of one type as it is and one of several types (or of objects) as text, `feedback` and
    `prediction` where the log has them, `copies`, how many rows logged the request, and `sampling_weight`, how many
    requests it stands for. Of its rows a labelled one is kept, else the latest. A row whose time is missing or
    unreadable counts as inside the window. The first malformed rows go to `<stem>.malformed.jsonl` beside `out`. An
    empty window gives no rows and is no error.

    Raises InputError where the source holds no log files, or nothing that was opened could be read.
    """
    end = as_of.astimezone(UTC)
    window = Window(since.astimezone(UTC) if since else end - timedelta(days=sampling.window_days), end)
    wanted = _wanted(columns)
    opened = [file for file in _log_files(source) if may_hold(file.name, window.start, window.end)]

    def scanned(guess: bool) -> tuple[Reservoir, LogCounts]:
        reservoir = Reservoir(sampling.rows, sampling.rows_per_slice, sampling.seed, columns.label, columns.slices)
        if times is not None:
            times.clear()
        return reservoir, _scan(source, opened, wanted, window, reservoir, times, guess)

    reservoir, seen = scanned(guess=True)
    if reservoir.fell_short():  # far more rows are copies or out of the window than a log has
        reservoir, seen = scanned(guess=False)
    sample = reservoir.sample()
    return SampleEvidence(
        source=source.address,
        window_start=window.start,
        window_end=window.end,
        seed=sampling.seed,
        asked_rows=sampling.rows,
        rows=len(sample.ids),
        log_rows=seen.rows,
        log_requests=sum(sample.weights.tolist()),
        log_files=len(opened),
        malformed_rows=seen.malformed.rows,
        malformed_examples=tuple(seen.malformed.examples),
        outside_window_rows=seen.outside,
        duplicated_rows=int(np.count_nonzero(sample.copies > 1)),
        labelled_rows=int(np.count_nonzero(sample.labelled)),
        by_status=_by_status(sample, columns.status),
        missing_columns=dict(sorted(seen.missing.items())),
        strata=_strata(sample, reservoir.columns()),
        raw=write_sample(sample, wanted, seen.malformed, out),
    )


def _scan(
    source: LogSource,
    opened: Sequence[LogFile],
    wanted: Wanted,
    window: Window,
    reservoir: Reservoir,
    times: LatestTimes | None,
    guess: bool,
) -> LogCounts:
    """Offer every row of every file to the reservoir, some files at once, and return what was seen in their order.

    With `guess`, the first file that says how many rows it has tells by its size how many the log has.
    """
    size = sum(file.size_bytes for file in opened)
    start, end = ((time - EPOCH) // timedelta(microseconds=1) for time in window)
    stopped = False

    def read(file: LogFile) -> LogCounts:
        seen = LogCounts(0, 0, Counter(), Malformed())
        for chunk in read_chunks(source, file, wanted, seen.malformed):
            if guess and chunk.of_rows and file.size_bytes:
                reservoir.expect(chunk.of_rows / file.size_bytes * size)
            inside = _inside(chunk.times_us, start, end)
            seen.missing.update(chunk.missing)
            seen = seen._replace(rows=seen.rows + len(inside), outside=seen.outside + int(np.count_nonzero(~inside)))
            reservoir.offer(chunk, inside)
            if times is not None:
                times.offer(chunk.times_us[inside & (chunk.times_us != NO_TIME)])
            if stopped:
                break
        return seen

    with ThreadPoolExecutor(READERS) as pool:
        try:
            seen = _all(pool.map(read, opened))
        except BaseException:
            stopped = True
            pool.shutdown(cancel_futures=True)
            raise
    if seen.malformed.rows and not seen.rows:
        raise InputError(
            f"no row of the {len(opened)} log files in {source.address} from {window.start:%Y-%m-%d} to"
            f" {window.end:%Y-%m-%d} could be read; the first fault is {seen.malformed.examples[0]}"
        )
    return seen


def _inside(times_us: NDArray[np.int64], start: int, end: int) -> NDArray[np.bool_]:
    """Tell which times lie in (start, end] or are missing."""
    if len(times_us) and times_us.min() > start and times_us.max() <= end:
        return np.ones(len(times_us), dtype=bool)
    inside: NDArray[np.bool_] = (times_us == NO_TIME) | ((times_us > start) & (times_us <= end))
    return inside


def _all(files: Iterable[LogCounts]) -> LogCounts:
    rows = outside = 0
    missing: Counter[str] = Counter()
    malformed = Malformed()
    for seen in files:
        rows, outside = rows + seen.rows, outside + seen.outside
        missing.update(seen.missing)
        malformed.follow(seen.malformed)
    return LogCounts(rows, outside, missing, malformed)


def _wanted(columns: Columns) -> Wanted:
    wanted = Wanted.of(columns)
    if own := sorted({COPIES, WEIGHT} & wanted.needed):
        raise InputError(
            f"the column '{own[0]}' is what the sample itself adds, how often each request was logged or how many it"
            " stands for; give the log's column another name"
        )
    return wanted


def _log_files(source: LogSource) -> list[LogFile]:
    files = source.files()
    logs = [file for file in files if is_log(file.name)]
    if not logs:
        found = f"none of its {len(files)} files has one of the endings" if files else "there is no file with an ending"
        raise InputError(f"{source.address} holds no prediction log: {found} {', '.join(FORMATS)}")
    return logs


def _by_status(sample: Sample, column: str) -> dict[str, int]:
    statuses = Counter(text_of(status) or "missing" for status in sample.values(column))
    return dict(sorted(statuses.items()))


def _strata(sample: Sample, columns: Sequence[str]) -> tuple[Stratum, ...]:
    """Return what each value of the columns has of the sample, and of the log by the weights."""
    weights = sample.weights.tolist()
    everything = sum(weights)
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for column in columns:
        for value, weight in zip(sample.values(column), weights, strict=True):
            found[column, text_of(value) or MISSING].append(weight)
    return tuple(
        Stratum(column=column, value=value, rows=len(weights), log_share=sum(weights) / everything)
        for (column, value), weights in sorted(found.items())
    )
