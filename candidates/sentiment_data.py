"""Make the data that both sentiment candidates share: `python candidates/sentiment_data.py`.

Into candidates/data/sentiment/ go train, calibration and evaluation sets of movie reviews, and the log of a production
that is tweets, product reviews and editorials. No text of the log, nor a copy that differs in case, blanks or
punctuation alone, is in the other three, and none of those three shares one with another. Texts that raters place near
neutral have no label: they are left out of the sets, and are requests without a label in the log.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]  # tasks, also where launchgate is not installed

from package_cache import fetch  # noqa: E402
from sentiment_corpus import PACKAGE, read_corpus  # noqa: E402
from sentiment_log import AS_OF, DAYS, SEED, LogSize, write_log  # noqa: E402
from stamps import is_current, write_stamp  # noqa: E402

from tasks.files import digest  # noqa: E402
from tasks.records import InputError  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd

FOLDER = HERE / "data" / "sentiment"
EVALUATION_ROWS = 2500
CALIBRATION_ROWS = 1000
SCRIPTS = ("package_cache.py", "sentiment_corpus.py", "sentiment_log.py", "sentiment_data.py")


def prepare_data(folder: Path = FOLDER) -> bool:
    """Make the data in `folder` unless it is current; return whether anything was done.

    The folder is replaced as a whole, so that a stop halfway leaves the old one or none. Raises InputError when the
    source package can't be had.
    """
    stamp = folder.with_suffix(".stamp")
    inputs = [PACKAGE.sha256, *(digest(HERE / script) for script in SCRIPTS)]
    if is_current(stamp, inputs, folder):
        return False
    package, fetched = fetch(PACKAGE)
    print(f"{'fetched' if fetched else 'found'} {package} ({package.stat().st_size / 1e6:.1f} MB)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as scratch:
        made = Path(scratch) / folder.name
        made.mkdir()
        _write(read_corpus(package), made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    write_stamp(stamp, inputs, folder)
    return True


def _write(corpus: pd.DataFrame, folder: Path) -> None:
    production = corpus[corpus["source"] != "movies"]
    for name, rows in split(corpus).items():
        path = folder / f"{name}.parquet"
        rows.to_parquet(path, index=False)
        positive = (rows["label"] == "positive").mean()
        print(f"wrote {path.name}: {len(rows):,} movie reviews, {positive:.0%} positive ({_size(path)})")
    log = write_log(production, folder / "log")
    print(f"wrote log/: {_describe(log)} ({_size(folder / 'log')})")


def split(corpus: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the labelled movie reviews as train, calibration and evaluation sets, each text in one of them only.

    Columns: `request_id`, `text`, `label`, `source`. A text that production holds is in none of them.
    """
    production_keys = set(corpus.loc[corpus["source"] != "movies", "key"])
    movies = corpus[(corpus["source"] == "movies") & corpus["label"].notna() & ~corpus["key"].isin(production_keys)]
    movies = movies.drop_duplicates("key")
    movies = movies.assign(request_id=[f"movies-{rank}" for rank in movies["rank"]])
    order = np.random.default_rng(SEED).permutation(len(movies))
    held_out = EVALUATION_ROWS + CALIBRATION_ROWS
    places = {
        "train": order[held_out:],
        "calibration": order[EVALUATION_ROWS:held_out],
        "evaluation": order[:EVALUATION_ROWS],
    }
    columns = ["request_id", "text", "label", "source"]
    return {name: movies.iloc[np.sort(place)][columns].reset_index(drop=True) for name, place in places.items()}


def _describe(log: LogSize) -> str:
    return (
        f"{log.requests:,} requests over {DAYS} days to {AS_OF:%Y-%m-%d}, {log.labelled:,} with a label, "
        f"{log.rows - log.requests} logged twice, {log.malformed} malformed lines"
    )


def _size(path: Path) -> str:
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return f"{sum(item.stat().st_size for item in files) / 1e6:.2f} MB"


def main() -> int:
    """Make the data, or say that there was nothing to do."""
    try:
        done = prepare_data()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"the sentiment data is ready in {FOLDER}" if done else f"nothing to do: {FOLDER} is current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
