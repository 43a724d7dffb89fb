"""Rows a second while the production sample is drawn, against a bare pyarrow scan of the same columns of the same log.

The log is 8 daily Parquet files of 4 million requests in a folder; the scan reads every column that the sampler reads,
with pyarrow's own threads, and drops what it has read. The sample is that of the standard policy, slices included. A launch
draws once, so each is timed in a fresh process, in turns, after a log of 1,000 rows has loaded all that it needs; the
headline is the median of the ratios. Kept beside it is the ratio of the best of several times in one process each, where
memory that is mapped already makes the scan twice as fast: the sampler gives memory back as it goes, to stay small.

`python benchmarks/sample_throughput.py [--check]`
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.dataset as ds
from harness import finish, parser

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]

from sample_memory import AS_OF, COLUMNS, write_log  # noqa: E402

from infra.storage import open_log  # noqa: E402
from tasks.data.sampling import draw_sample  # noqa: E402
from tasks.decision.policy import load_policy  # noqa: E402

ROWS, FEW_ROWS = 4_000_000, 1_000
ROUNDS = 9
REPEATS = 6
GOAL = 0.8
SAMPLING = load_policy("standard").sample


def main() -> None:
    """Measure both in turns and print the median of the ratios; with `--time`, be the process that is measured."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--time", nargs=3, metavar=("WHAT", "LOGS", "TIMES"), help="time one of them")
    given = arguments.parse_args()
    if given.time:
        what, logs, times = given.time
        timed(what, Path(logs), int(times))
        return
    with tempfile.TemporaryDirectory(prefix="sample-throughput-") as folder:
        logs = Path(folder)
        size = write_log(logs / "log", ROWS, "parquet")
        write_log(logs / "few", FEW_ROWS, "parquet")
        pairs = [(fresh("scan", logs)[0], fresh("draw", logs)[0]) for _ in range(ROUNDS)]
        again = {what: fresh(what, logs, REPEATS) for what in ("scan", "draw")}
    for scanned, drawn in pairs:
        print(f"bare scan {ROWS / scanned:,.0f} rows/s, sample {ROWS / drawn:,.0f} rows/s")
    best = min(again["scan"]) / min(again["draw"])
    print(f"best of {REPEATS} in one process each: {best:.2f}")
    ratio = statistics.median(scanned / drawn for scanned, drawn in pairs)
    details = {
        "rows": ROWS,
        "log_bytes": size,
        "scan_seconds": [s for s, _ in pairs],
        "draw_seconds": [d for _, d in pairs],
        "again_seconds": again,
        "again_ratio": best,
    }
    finish("sample_throughput", ratio, f">={GOAL}", ratio >= GOAL, details)


def fresh(what: str, logs: Path, times: int = 1) -> list[float]:
    """Return the seconds that a process of its own measured, one after the other."""
    command = [sys.executable, __file__, "--time", what, str(logs), str(times)]
    return [float(line) for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def timed(what: str, logs: Path, times: int) -> None:
    """Print the seconds of scanning or drawing, so often, once a small log has loaded everything."""
    measure = {"scan": scan, "draw": draw}[what]
    measure(logs / "few", FEW_ROWS)
    for _ in range(times):
        print(measure(logs / "log", ROWS))


def scan(log: Path, rows: int) -> float:
    """Return the seconds of reading the sampler's columns and nothing else."""
    columns = [COLUMNS.id, COLUMNS.time, *COLUMNS.input, COLUMNS.label, COLUMNS.status, *COLUMNS.slices]
    started = time.perf_counter()
    read = sum(batch.num_rows for batch in ds.dataset(log, format="parquet").to_batches(columns=columns))
    if read != rows:
        raise RuntimeError(f"the scan read {read} rows of {rows}")
    return time.perf_counter() - started


def draw(log: Path, rows: int) -> float:
    """Return the seconds of drawing the sample."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        drawn = draw_sample(open_log(str(log)), COLUMNS, SAMPLING, AS_OF, Path(folder, "sample.parquet"))
        if drawn.log_rows != rows:
            raise RuntimeError(f"the sampler read {drawn.log_rows} rows of {rows}")
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
