"""Lines that are no requests: counted, shown and kept aside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson
from support.prediction_logs import DAY, row, sample, write_lines

if TYPE_CHECKING:
    from pathlib import Path


def test_malformed_lines_are_counted_shown_and_kept_aside(tmp_path: Path) -> None:
    """Bad JSON, text that is no object and bad UTF-8 are malformed; blank lines are nothing; a last line needs no end."""
    path = tmp_path / "log" / DAY / "a.jsonl"
    path.parent.mkdir(parents=True)
    good = orjson.dumps(row(1))
    path.write_bytes(
        good + b"\n{oops\n\n[1, 2]\n   \n\xff\xfe{}\n" + b'{"a": ' * 40 + b"\n" * 2 + b"x\n" * 5 + good[:-1]
    )
    evidence, drawn = sample(tmp_path)
    assert len(drawn) == 1
    assert evidence.malformed_rows == 10
    assert len(evidence.malformed_examples) == 5
    assert evidence.malformed_examples[0].startswith(f"{DAY}/a.jsonl:2: not JSON, ")
    assert evidence.malformed_examples[0].endswith("({oops)")
    assert evidence.malformed_examples[1] == f"{DAY}/a.jsonl:4: not a JSON object ([1, 2])"
    assert max(len(example.split("(")[-1]) for example in evidence.malformed_examples) <= 81
    aside = [json.loads(line) for line in (tmp_path / "out" / "sample.malformed.jsonl").read_text().splitlines()]
    assert [each["line"] for each in aside] == [2, 4, 6, 7, 9, 10, 11, 12, 13, 14]
    assert aside[0]["content"] == "{oops"


def test_no_more_than_a_thousand_malformed_lines_are_kept(tmp_path: Path) -> None:
    """All of them are counted all the same."""
    path = tmp_path / "log" / "a.jsonl"
    write_lines(path, [row(1)])
    path.write_bytes(path.read_bytes() + b"?\n" * 3_000)
    evidence, _ = sample(tmp_path)
    assert evidence.malformed_rows == 3_000
    assert len((tmp_path / "out" / "sample.malformed.jsonl").read_text().splitlines()) == 1_000
