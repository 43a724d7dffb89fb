"""What a variant made of production rows that were perturbed."""

from __future__ import annotations

from tasks.core.records import Record
from tasks.evidence.common import Raw
from tasks.evidence.scores import PairedTally


class Perturbed(Record):
    """Production rows changed in one way, in `column` or in every column that the change fits, and their answers.

    `crashes`, `non_finite`, `malformed` and `abstained` count rows. `against_original` holds the answers against those to
    the same rows as they were, where the change leaves the meaning; `mean_confidence` is of answers to inputs without
    any. `traffic` is false of inputs that a service with types refuses before the model sees them. `stopped` says why the
    process ended while it answered these rows, of which it then counted none.
    """

    kind: str
    column: str | None
    rows: int
    traffic: bool
    crashes: int = 0
    non_finite: int = 0
    malformed: int = 0
    abstained: int = 0
    against_original: PairedTally | None = None
    mean_confidence: float | None = None
    example: str | None = None
    stopped: str | None = None


class RobustnessEvidence(Record):
    """Perturbed production rows, kind by kind, `rows` of them drawn; `not_reached` names the kinds that time left out.

    `raw` has one line a perturbed row, in JSON. `columns_left_out` counts input columns beyond those that one launch tries.
    """

    rows: int
    kinds: tuple[Perturbed, ...]
    not_reached: tuple[str, ...]
    columns_left_out: int
    seconds: float
    raw: Raw
