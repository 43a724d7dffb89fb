"""Peak memory of drawing the production sample from logs of 10^5, 10^6 and 10^7 rows, in a folder and on a real S3 server.

Every draw is a fresh process under the standard policy's sample. A log has 8 daily files, so both the files and (up to
pyarrow's default of 1,048,576 rows) their row groups grow with it; every request is another one. The headline is the
largest log's peak resident memory over the smallest's, the worse of Parquet in a folder and on S3. Gzipped JSON lines
are measured too, to 10^6 rows.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from harness import finish, parser

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.servers import S3Server, s3_server  # noqa: E402  the path above leads there

from infra.storage import open_log  # noqa: E402
from tasks.core.records import Columns  # noqa: E402
from tasks.data.sampling import draw_sample  # noqa: E402
from tasks.decision.policy import load_policy  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = (100_000, 1_000_000, 10_000_000)
LINES_SIZES = SIZES[:2]
DAYS = 8
AS_OF = datetime(2026, 3, 9, tzinfo=UTC)
GOAL_RATIO = 1.2
LABELLED_SHARE = 0.6
COLUMNS = Columns(id="request_id", time="ts", label="label", input=("text",), status="status", slices=("source",))
WORDS = ("good", "bad", "film", "plot", "actor", "slow", "bright", "ending", "never", "again", "watch", "scene")


def main() -> None:
    """Measure every log and print the table; with `--draw ADDRESS`, be the process that is measured."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--draw", metavar="ADDRESS", help="draw from this log and print the peak as JSON")
    given = arguments.parse_args()
    if given.draw:
        print(json.dumps(draw(given.draw)))
        return
    with tempfile.TemporaryDirectory(prefix="sample-memory-") as folder:
        measured = list(measure(Path(folder)))
    ratios = {}
    for place in ("folder, parquet", "S3, parquet", "folder, jsonl.gz"):
        peaks = [each["peak_bytes"] for each in measured if each["place"] == place]
        ratios[place] = peaks[-1] / peaks[0]
    worst = max(ratios["folder, parquet"], ratios["S3, parquet"])
    details = {"ratios": ratios, "goal_ratio": GOAL_RATIO, "days": DAYS, "draws": measured}
    finish("sample_memory", worst, f"<={GOAL_RATIO}", worst <= GOAL_RATIO, details)


def draw(address: str) -> dict[str, Any]:
    """Draw a sample from the log and return this process's peaks in bytes: before, with all imported, and after."""
    import pandas as pd  # noqa: F401  part of the start

    before, started = peak_bytes(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        evidence = draw_sample(
            open_log(address), COLUMNS, load_policy("standard").sample, AS_OF, Path(folder, "sample.parquet")
        )
    seconds = time.perf_counter() - started
    counts = {"log_rows": evidence.log_rows, "sampled_rows": evidence.rows, "log_files": evidence.log_files}
    return {"peak_bytes": peak_bytes(), "imported_bytes": before, "seconds": seconds} | counts


def peak_bytes() -> int:
    """Return the highest resident memory of this process; getrusage's would include what its parent had at the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield one measurement a log and place; a log is deleted before the next is made."""
    print(f"{'log':<18}{'rows':>12}{'log MB':>9}{'peak MB':>9}{'over imports MB':>17}{'seconds':>9}", flush=True)
    with s3_server(folder / "s3") as server:
        client = server.client()
        client.create_bucket(Bucket="logs")
        for rows in SIZES:
            log = folder / "log"
            size = write_log(log, rows, "parquet")
            yield measured_draw("folder, parquet", str(log), rows, size, None)
            for path in sorted(log.rglob("*.parquet")):
                client.upload_file(str(path), "logs", f"{rows}/{path.relative_to(log).as_posix()}")
                path.unlink()
            yield measured_draw("S3, parquet", f"s3://logs/{rows}", rows, size, server)
    for rows in LINES_SIZES:
        size = write_log(folder / "log", rows, "jsonl.gz")
        yield measured_draw("folder, jsonl.gz", str(folder / "log"), rows, size, None)


def measured_draw(place: str, address: str, rows: int, size: int, server: S3Server | None) -> dict[str, Any]:
    """Draw in a fresh process and print its line of the table."""
    command = [sys.executable, __file__, "--draw", address]
    settings = os.environ | (server.environment() if server else {})
    answer: dict[str, Any] = json.loads(
        subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE).stdout
    )
    if (answer["log_rows"], answer["sampled_rows"]) != (rows, load_policy("standard").sample.rows):
        raise RuntimeError(f"the draw from {place} with {rows} rows read and took something else: {answer}")
    peak, over = answer["peak_bytes"] / 1e6, (answer["peak_bytes"] - answer["imported_bytes"]) / 1e6
    print(f"{place:<18}{rows:>12,}{size / 1e6:>9.1f}{peak:>9.1f}{over:>17.1f}{answer['seconds']:>9.1f}", flush=True)
    return {"place": place, "log_bytes": size} | answer


def write_log(folder: Path, rows: int, ending: str) -> int:
    """Write a log of `rows` requests in daily files and return its size in bytes."""
    random = np.random.default_rng(rows)
    size = 0
    for day in range(DAYS):
        first, last = rows * day // DAYS, rows * (day + 1) // DAYS
        start = AS_OF - timedelta(days=DAYS - day)
        path = folder / f"dt={start:%Y-%m-%d}" / f"part-0.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        table = requests(random, first, last, start)
        if ending == "parquet":
            pq.write_table(table, path)
        else:
            write_lines(path, table)
        size += path.stat().st_size
    return size


def requests(random: np.random.Generator, first: int, last: int, start: datetime) -> pa.Table:
    """Return requests `first` to `last` of one day: about 120 bytes of text each, six labels in ten."""
    count = last - first
    number = pc.utf8_lpad(pa.array(np.arange(first, last)).cast(pa.string()), 9, "0")
    sentences = pa.array([" ".join(random.choice(WORDS, 18)) for _ in range(1_000)])
    chosen = sentences.take(pa.array(random.integers(0, len(sentences), count)))
    seconds = np.sort(random.integers(1, 86_400, count))
    return pa.table(
        {
            "request_id": pc.binary_join_element_wise("request-", number, ""),
            "ts": pa.array(np.datetime64(start.replace(tzinfo=None), "us") + seconds.astype("timedelta64[s]")),
            "text": pc.binary_join_element_wise(chosen, number, " "),
            "source": pa.array(["tweets", "films"]).take(pa.array(random.integers(0, 2, count))),
            "status": pa.array(["ok", "ok", "ok", "error"]).take(pa.array(random.integers(0, 4, count))),
            "label": pa.array(random.integers(0, 2, count), mask=random.random(count) > LABELLED_SHARE),
        }
    )


def write_lines(path: Path, table: pa.Table) -> None:
    """Write a table as gzipped JSON lines."""
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for batch in table.to_batches(10_000):
            stream.write(b"\n".join(orjson.dumps(row) for row in batch.to_pylist()) + b"\n")


if __name__ == "__main__":
    main()
