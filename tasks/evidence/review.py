"""The requests that were drawn for people to read."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record
from tasks.evidence.common import Raw


class ReviewKind(Record):
    """Why requests were drawn: how many could have been for this reason, and how many were.

    `of` is the variant whose answers are meant, or the slice; it is empty for the random ones.
    """

    kind: Literal["random", "low confidence", "confident error", "slice"]
    of: str
    eligible: int
    picked: int


class ReviewEvidence(Record):
    """The requests of the production sample that were drawn for people to read, each of them once.

    `readable_rows` counts those of which masking left something; `masked` is false where the policy shows raw texts.
    """

    sample_rows: int
    rows: int
    readable_rows: int
    masked: bool
    kinds: tuple[ReviewKind, ...]
    raw: Raw
