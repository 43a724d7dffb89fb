"""The requests to read as the page shows them: in groups by why they were drawn, long texts folded, all within a budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from tasks.report.numbers import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.evaluation.review import ReviewRow
    from tasks.evidence import ReviewEvidence

MOST_REQUESTS = 800
MOST_INPUTS = 12_000
SHORT = 60  # characters of a value that stands in a line with others
PAGE_CHARACTERS = 200_000  # of all inputs together; escaping may make five of one
SHOWN_CHARACTERS = 280  # of a text before it folds
LONGEST = 4_000
SLICES = "slices"


class Passage(NamedTuple):
    """An input in two parts, what is seen at once and what unfolds; `left_out` characters are in neither."""

    name: str
    head: str
    tail: str
    left_out: int


class Reading(NamedTuple):
    """A request; of several inputs the short ones are `facts`, in a line, the others passages."""

    row: ReviewRow
    facts: tuple[Passage, ...]
    passages: tuple[Passage, ...]


class Group(NamedTuple):
    """Requests that were drawn for one reason, or for some slice; of a large draw a part is shown, from each group."""

    title: str
    rows: int
    readings: tuple[Reading, ...]


def grouped_rows(rows: Sequence[ReviewRow]) -> list[Group]:
    """Put each request into the group of its first reason, the groups in the order of their first requests."""
    groups: dict[str, list[ReviewRow]] = {}
    for row in rows:
        title = SLICES if "=" in row.why[0] else row.why[0]
        groups.setdefault(title[:1].upper() + title[1:], []).append(row)
    inputs = sum(len(row.inputs) for row in rows)
    part = min(1, MOST_REQUESTS / max(len(rows), 1), MOST_INPUTS / max(inputs, 1))
    shown = {title: members[: math.ceil(part * len(members))] for title, members in groups.items()}
    longest = _longest(
        [value for members in shown.values() for row in members for value in row.inputs.values() if value]
    )
    return [
        Group(title, len(groups[title]), tuple(_reading(row, longest) for row in members))
        for title, members in shown.items()
    ]


def passage(name: str, value: str | None, longest: int) -> Passage:
    """Return a text of at most `longest` characters, cut between words where it folds."""
    if value is None:
        return Passage(name, "", "", 0)
    text = printable(value.replace("\t", " ")[:longest])
    head = text
    if len(text) > SHOWN_CHARACTERS:
        head = text[:SHOWN_CHARACTERS]
        head = head.rsplit(None, 1)[0] if any(letter.isspace() for letter in head) else head
    return Passage(name, head, text[len(head) :], len(value) - len(text))


def _longest(texts: list[str]) -> int:
    """Return at how many characters to cut a text, so that all of them fit the page."""
    longest = LONGEST
    while longest and sum(min(len(text), longest) for text in texts) > PAGE_CHARACTERS:
        longest = 3 * longest // 4
    return longest


def _reading(row: ReviewRow, longest: int) -> Reading:
    found = [passage(name, value, longest) for name, value in row.inputs.items()]
    facts = [part for part in found if len(found) > 1 and len(part.head) <= SHORT and not part.tail]
    return Reading(row, tuple(facts), tuple(part for part in found if part not in facts))


def kind_rows(review: ReviewEvidence) -> list[tuple[str, int, int]]:
    """Return each reason with how many requests were drawn for it, of how many; the slices of a column together."""
    found: dict[str, tuple[int, int]] = {}
    for kind in review.kinds:
        reason = f"slice by {kind.of.split('=')[0]}" if kind.kind == "slice" else kind.kind
        name = f"{reason} of {kind.of}" if kind.of and kind.kind != "slice" else reason
        picked, eligible = found.get(name, (0, 0))
        found[name] = picked + kind.picked, eligible + kind.eligible
    return [(name, *counts) for name, counts in found.items()]
