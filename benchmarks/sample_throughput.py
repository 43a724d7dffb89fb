"""Rows a second while the production sample is drawn, against a bare pyarrow scan of the same columns of the same log.

The log is 8 daily Parquet files of 4 million requests in a folder; the scan reads every column that the sampler reads,
with pyarrow's own threads, and drops what it has read. Both run in turns in one process; the sample is that of the
standard policy, slices included. `python benchmarks/sample_throughput.py [--check]`
"""

from __future__ import annotations

import statistics
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
from tasks.policy import load_policy  # noqa: E402
from tasks.sample import draw_sample  # noqa: E402

ROWS = 4_000_000
ROUNDS = 5
GOAL = 0.8
SAMPLING = load_policy("standard").sample


def main() -> None:
    """Measure both in turns and print the median of the ratios."""
    parser(__doc__ or "").parse_args()
    with tempfile.TemporaryDirectory(prefix="sample-throughput-") as folder:
        log = Path(folder, "log")
        size = write_log(log, ROWS, "parquet")
        pairs = [(scan(log), draw(log)) for _ in range(ROUNDS + 1)][1:]
    for scanned, drawn in pairs:
        print(f"bare scan {ROWS / scanned:,.0f} rows/s, sample {ROWS / drawn:,.0f} rows/s")
    ratio = statistics.median(scanned / drawn for scanned, drawn in pairs)
    details = {
        "rows": ROWS,
        "log_bytes": size,
        "scan_seconds": [s for s, _ in pairs],
        "draw_seconds": [d for _, d in pairs],
    }
    finish("sample_throughput", ratio, f">={GOAL}", ratio >= GOAL, details)


def scan(log: Path) -> float:
    """Return the seconds of reading the sampler's columns and nothing else."""
    columns = [COLUMNS.id, COLUMNS.time, *COLUMNS.input, COLUMNS.label, COLUMNS.status, *COLUMNS.slices]
    started = time.perf_counter()
    rows = sum(batch.num_rows for batch in ds.dataset(log, format="parquet").to_batches(columns=columns))
    if rows != ROWS:
        raise RuntimeError(f"the scan read {rows} rows of {ROWS}")
    return time.perf_counter() - started


def draw(log: Path) -> float:
    """Return the seconds of drawing the sample."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        drawn = draw_sample(open_log(str(log)), COLUMNS, SAMPLING, AS_OF, Path(folder, "sample.parquet"))
        if drawn.log_rows != ROWS:
            raise RuntimeError(f"the sampler read {drawn.log_rows} rows of {ROWS}")
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
