"""YAML files read into records, and every mistake of a file told at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime

from tasks.core.errors import InputError
from tasks.core.records import Record
from tasks.core.yaml_records import read_record

if TYPE_CHECKING:
    from pathlib import Path


class Inner(Record):
    """A nested part."""

    number: float = 0


class Outer(Record):
    """A file."""

    name: str = "x"
    when: AwareDatetime | None = None
    inner: Inner = Inner()
    items: tuple[Inner, ...] = ()
    sha256: str = ""


def read(folder: Path, text: str, **injected: Any) -> Outer:
    """Return the record in `text`."""
    (folder / "file.yaml").write_text(text, encoding="utf-8")
    return read_record(folder / "file.yaml", Outer, **injected)


def complaint(folder: Path, text: str) -> list[str]:
    """Return what is said of `text`, the file's path cut off each line."""
    with pytest.raises(InputError) as raised:
        read(folder, text, sha256="0")
    return [line.removeprefix(f"{folder}/file.yaml:") for line in str(raised.value).splitlines()]


def test_a_file_without_mistakes_is_its_record(tmp_path: Path) -> None:
    """Anchors, nested parts and times are read as YAML has them."""
    text = "name: é\nwhen: 2026-01-02T03:04:05Z\ninner: &one {number: 1.5}\nitems: [*one, {number: 2}]\n"
    found = read(tmp_path, text, sha256="0")
    assert found.name == "é"
    assert found.when == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert [item.number for item in found.items] == [1.5, 2]


def test_mistakes_are_told_with_the_line_of_the_nearest_key(tmp_path: Path) -> None:
    """A mistake inside of a list is on the line of its own item."""
    text = "name: [1]\nitems:\n  - {number: 1}\n  - number: x\n  - {nummer: 1}\n"
    assert complaint(tmp_path, text) == [
        "1: name: input should be a valid string",
        "4: items.1.number: input should be a valid number, unable to parse string as a number (given: 'x')",
        "5: items.2.nummer: unknown key; known here: number",
    ]


def test_a_key_that_launchgate_sets_is_refused(tmp_path: Path) -> None:
    """A file cannot set its own digest."""
    assert complaint(tmp_path, "sha256: abc\n") == ["1: sha256: this key is set by launchgate; remove it"]


def test_infinity_and_nan_are_no_numbers(tmp_path: Path) -> None:
    """A limit of NaN would pass everything, or nothing."""
    for value in (".nan", ".inf"):
        (line,) = complaint(tmp_path, f"inner:\n  number: {value}\n")
        assert line.startswith("2: inner.number: input should be a finite number")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name: !!python/name:os.system ''", "1: tag:yaml.org,2002:python/name:os.system is not read here"),
        ("name: !local 3", "1: !local is not read here"),
        ("inner: &a {number: 1}\nitems:\n- <<: *a", "3: << is not read here"),
        ("items: &a [*a]", "1: this alias stands inside of its own anchor; write the value out"),
        ("when: 2026-13-45", "1: 2026-13-45 is no timestamp: month must be in 1..12"),
        ("when: 2026-01-02", "1: when: input should have timezone info (given: 2026-01-02)"),
        ("1: 2", "1: 1: keys should be strings (given: 1)"),
        ("a: 1\n---\nb: 2", "2: this is not YAML: but found another document"),
        ("a: \x00", "1: this is not YAML: unacceptable character #x0000: special characters are not allowed"),
    ],
)
def test_what_yaml_can_say_beside_plain_values_is_refused(tmp_path: Path, text: str, wanted: str) -> None:
    """Objects, merges, endless aliases, dates that are none: each is one line, none is an exception of the parser."""
    assert complaint(tmp_path, text)[0].startswith(wanted)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """What can't be opened is told with the system's reason."""
    with pytest.raises(InputError, match="No such file"):
        read_record(tmp_path / "nothere.yaml", Outer)


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever a file holds, it is a record or an InputError."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(read_record(path, Outer), Outer)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017  one of the two is asserted
