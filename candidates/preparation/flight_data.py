"""Make the data of the flight example: `python candidates/flight_data.py`.

Into candidates/data/flights/ go train, calibration and evaluation sets of January's and February's flights, and the log
of a production that is June and July. Each day of the two months is in one set only: the flights of a day share its
weather, so a set that shared days with training would flatter the model. A diverted flight has no label: it is left out
of the sets, and is a request without a label in the log.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1])]  # tasks, also where launchgate is not installed

from flight_log import AS_OF, DAYS, write_log  # noqa: E402
from flight_records import INPUTS, PACKAGE, read_flights  # noqa: E402
from package_cache import fetch_and_tell  # noqa: E402
from up_to_date import make_once, size_of  # noqa: E402

from tasks.core.errors import InputError  # noqa: E402
from tasks.core.files import digest  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd

FOLDER = HERE.parent / "data" / "flights"
SPLIT_DAYS = 59  # January and February
CYCLE_DAYS = 6  # no multiple or divisor of a week, so that each set has every weekday
PLACES = {"evaluation": [0], "calibration": [3], "train": [1, 2, 4, 5]}  # of the days of a cycle
SCRIPTS = (
    "package_cache.py",
    "service_log.py",
    "up_to_date.py",
    "flight_records.py",
    "flight_log.py",
    "flight_data.py",
)


def prepare_data(folder: Path = FOLDER) -> bool:
    """Make the data in `folder` unless it is current; return whether anything was done.

    The folder is replaced as a whole, so that a stop halfway leaves the old one or none. Raises InputError when the
    source package can't be had.
    """
    inputs = [PACKAGE.sha256, *(digest(HERE / script) for script in SCRIPTS)]
    return make_once(folder, inputs, lambda made: _write(read_flights(fetch_and_tell(PACKAGE)), made))


def _write(flights: pd.DataFrame, folder: Path) -> None:
    for name, rows in split(flights).items():
        path = folder / f"{name}.parquet"
        rows.to_parquet(path, index=False)
        print(
            f"wrote {path.name}: {len(rows):,} flights, {rows['label'].mean():.1f} minutes late on average ({size_of(path)})"
        )
    log = write_log(flights, folder / "log")
    print(f"wrote log/: {log.over(DAYS, AS_OF)} ({size_of(folder / 'log')})")


def split(flights: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the flights of January and February that arrived as train, calibration and evaluation sets, by whole days.

    Columns: `request_id`, `ts`, the model's inputs, `label`.
    """
    number = flights["day"].dt.day_of_year - 1
    arrived = flights[(number < SPLIT_DAYS) & flights["label"].notna()]
    place = number[arrived.index] % CYCLE_DAYS
    columns = ["request_id", "ts", *INPUTS, "label"]
    return {name: arrived.loc[place.isin(places), columns].reset_index(drop=True) for name, places in PLACES.items()}


def main() -> int:
    """Make the data, or say that there was nothing to do."""
    try:
        done = prepare_data()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"the flight data is ready in {FOLDER}" if done else f"nothing to do: {FOLDER} is current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
