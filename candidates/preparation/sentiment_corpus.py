"""The rated texts that the sentiment example is made of, read from the source package that publishes them.

Source: C.J. Hutto and E. Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text
(ICWSM 2014). Each text carries the mean of human ratings from -4 (most negative) to 4 (most positive).
"""

from __future__ import annotations

import io
import re
import tarfile
from typing import TYPE_CHECKING

import pandas as pd
from package_cache import PackageFile

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = PackageFile(
    requirement="vaderSentiment==3.3.2",
    filename="vaderSentiment-3.3.2.tar.gz",
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    source=True,
)
ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
MEMBERS = {
    "movies": "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
    "tweets": "hutto_ICWSM_2014/tweets_GroundTruth.txt",
    "amazon": "hutto_ICWSM_2014/amazonReviewSnippets_GroundTruth.txt",
    "nyt": "hutto_ICWSM_2014/nytEditorialSnippets_GroundTruth.txt",
}
LABEL_SCORE = 0.5  # raters who disagree, or who see little of either, give no label


def read_corpus(package: Path) -> pd.DataFrame:
    """Return every text of the source package, one row each.

    Columns: `source` (movies, tweets, amazon, nyt), `rank` (its place in its file), `document` (texts of one document
    share it, others have their own), `text`, `score`, `label` (positive, negative, or null where the score is nearer
    to 0 than 0.5), and `key` (the text without case, blanks and punctuation, by which duplicates are known).
    Raises InputError for a line that does not hold an id, a score and a text.
    """
    with tarfile.open(package) as outer:
        inner_bytes = _member(outer, ARCHIVE)
    with tarfile.open(fileobj=io.BytesIO(inner_bytes)) as inner:
        rows = [
            row
            for source, name in MEMBERS.items()
            for row in _parse(source, name, _member(inner, name).decode("cp1252"))
        ]
    corpus = pd.DataFrame(rows, columns=["source", "rank", "document", "text", "score"])
    corpus["label"] = pd.Series(None, index=corpus.index, dtype="object")
    corpus.loc[corpus["score"] >= LABEL_SCORE, "label"] = "positive"
    corpus.loc[corpus["score"] <= -LABEL_SCORE, "label"] = "negative"
    corpus["key"] = [text_key(text) for text in corpus["text"]]
    return corpus


def text_key(text: str) -> str:
    """Return what two texts share when they differ only in case, blanks and punctuation; punctuation alone keeps itself."""
    folded = text.casefold()
    return re.sub(r"[\W_]+", " ", folded).strip() or "".join(folded.split())


def _parse(source: str, name: str, content: str) -> list[tuple[str, int, str, str, float]]:
    rows = []
    for rank, line in enumerate(content.rstrip("\n").split("\n"), start=1):
        fields = line.rstrip("\r").split("\t")
        try:
            number, score, text = fields
            document = f"{source}-{number.partition('_')[0]}"
            rows.append((source, rank, document, text, float(score)))
        except ValueError as error:
            raise InputError(
                f"{name}:{rank}: expected an id, a score and a text between tabs, found {len(fields)} fields ({error}); "
                "the package holds other data than this example was written for"
            ) from error
    return rows


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise InputError(f"{name} in the source package is not a file; the package holds other data than expected")
    return stream.read()
