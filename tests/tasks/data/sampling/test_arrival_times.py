"""The times at which requests came."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from support.prediction_logs import AS_OF, COLUMNS, DAY, row, write_lines, write_parquet

from infra.storage import open_log
from tasks.core.settings import Sampling
from tasks.data.sampling import LatestTimes, draw_sample

if TYPE_CHECKING:
    from pathlib import Path


def test_times_of_all_requests_of_the_window_are_kept_however_few_are_drawn(tmp_path: Path) -> None:
    """Those outside of the window and without a time are not; a sample of so few would have no bursts left."""
    rows = [row(number) for number in range(500)]
    write_lines(tmp_path / "log" / DAY / "a.jsonl", [*rows[::2], row(1, ts="2020-01-01T00:00:00Z"), row(2, ts="noon")])
    write_parquet(tmp_path / "log" / DAY / "b.parquet", rows[1::2])
    sampling = Sampling(rows=10, rows_per_slice=0, window_days=7, seed=1, stale_after_hours=24)
    times = LatestTimes()
    draw_sample(open_log(str(tmp_path / "log")), COLUMNS, sampling, AS_OF, tmp_path / "drawn.parquet", times=times)
    assert times.times_us().tolist() == [
        int(datetime.fromisoformat(each["ts"]).timestamp() * 1_000_000) for each in rows
    ]


def test_of_a_long_log_the_latest_times_are_kept() -> None:
    """Whatever the order in which they are read, and with as many waiting again."""
    times, order = LatestTimes(most=100), np.random.default_rng(0).permutation(10_000)
    for part in np.array_split(order, 70):
        times.offer(part)
    assert times.times_us().tolist() == list(range(9_900, 10_000))
