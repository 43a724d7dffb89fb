"""Make the data of the pronounce candidate: `python candidates/pronounce_data.py`.

Into candidates/data/pronounce/ go an evaluation and a calibration set of words of the older dictionary, with that
dictionary's pronunciations, and the log of a production that asks for words of running text and for words that only
the newer dictionary has, or none. No word of the two sets, in whatever case and with whatever marks, is in the log.
The net's authors trained on a still older copy of the same dictionary: most words of the sets were in it, and those
that only the newer dictionary has were not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1])]  # tasks, also where launchgate is not installed

from package_cache import fetch_and_tell  # noqa: E402
from pronounce_dictionary import NEWER, OLDER, read_newer, read_older, word_key  # noqa: E402
from pronounce_log import AS_OF, DAYS, SEED, asked_words, write_log  # noqa: E402
from sentiment_corpus import PACKAGE as TEXTS  # noqa: E402
from sentiment_corpus import read_corpus  # noqa: E402
from up_to_date import make_once, size_of  # noqa: E402

from tasks.core.errors import InputError  # noqa: E402
from tasks.core.files import digest  # noqa: E402

FOLDER = HERE.parent / "data" / "pronounce"
EVALUATION_ROWS = 2500
CALIBRATION_ROWS = 1000
PACKAGES = (OLDER, NEWER, TEXTS)
SCRIPTS = (
    "package_cache.py",
    "service_log.py",
    "up_to_date.py",
    "pronounce_dictionary.py",
    "pronounce_log.py",
    "pronounce_data.py",
    "sentiment_corpus.py",
)


def prepare_data(folder: Path = FOLDER) -> bool:
    """Make the data in `folder` unless it is current; return whether anything was done.

    The folder is replaced as a whole, so that a stop halfway leaves the old one or none. Raises InputError when a
    source package can't be had.
    """
    inputs = [*(package.sha256 for package in PACKAGES), *(digest(HERE / script) for script in SCRIPTS)]
    return make_once(folder, inputs, _make)


def _make(folder: Path) -> None:
    older, newer, texts = map(fetch_and_tell, PACKAGES)
    _write(read_older(older), read_newer(newer), read_corpus(texts), folder)


def _write(older: dict[str, str], newer: dict[str, str], texts: pd.DataFrame, folder: Path) -> None:
    sets = split(older)
    for name, rows in sets.items():
        path = folder / f"{name}.parquet"
        rows.to_parquet(path, index=False)
        print(f"wrote {path.name}: {len(rows):,} words of the older dictionary ({size_of(path)})")
    held_out = {word_key(word) for rows in sets.values() for word in rows["word"]}
    log = write_log(asked_words(texts, older, newer, held_out), folder / "log")
    print(f"wrote log/: {log.over(DAYS, AS_OF)} ({size_of(folder / 'log')})")


def split(dictionary: dict[str, str]) -> dict[str, pd.DataFrame]:
    """Return a calibration and an evaluation set of the dictionary's words, each word in one of them only.

    Columns: `request_id`, `word`, `label` (its pronunciation), `client` (dictionary).
    """
    words = pd.DataFrame(dictionary.items(), columns=["word", "label"])
    words = words.loc[~words["word"].map(word_key).duplicated()]
    words = words.assign(request_id=[f"entry-{place}" for place in words.index], client="dictionary")
    order = np.random.default_rng(SEED).permutation(len(words))
    places = {
        "calibration": order[EVALUATION_ROWS : EVALUATION_ROWS + CALIBRATION_ROWS],
        "evaluation": order[:EVALUATION_ROWS],
    }
    columns = ["request_id", "word", "label", "client"]
    return {name: words.iloc[np.sort(place)][columns].reset_index(drop=True) for name, place in places.items()}


def main() -> int:
    """Make the data, or say that there was nothing to do."""
    try:
        done = prepare_data()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"the pronounce data is ready in {FOLDER}" if done else f"nothing to do: {FOLDER} is current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
