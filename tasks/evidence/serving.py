"""How a variant serves: its execution provider, and the same answers to the same inputs."""

from __future__ import annotations

from tasks.core.records import Record, Target
from tasks.evidence.common import Raw


class Difference(Record):
    """Two runs of the same rows held against each other.

    `max_relative` is the largest absolute difference of a raw output as a share of that output's root mean square;
    `max_abs` and `p99_abs` are of the confidence; `error` says why the comparison could not be made.
    """

    case: str
    rows: int
    flips: int = 0
    max_abs: float | None = None
    p99_abs: float | None = None
    max_relative: float | None = None
    bitwise: bool = False
    error: str | None = None


class ProviderEvidence(Record):
    """Where the nodes of a session really ran, counted from its own profile."""

    asked: Target
    wanted_provider: str
    session_provider: str
    nodes: dict[str, int]
    node_seconds: dict[str, float]


class DeterminismEvidence(Record):
    """The same inputs again: repeated, in a fresh process, and in other batches."""

    rows: int
    repeats: tuple[Difference, ...]
    batches: tuple[Difference, ...]
    golden: Raw
