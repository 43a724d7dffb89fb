"""What all evidence is made of: what could not be measured, and files of raw samples."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record, Sha256

NOISY_LOAD = 0.10  # of the machine's cores, from which on times may be other processes' rather than the model's


class Unmeasured(Record):
    """A stage that has no result: it was skipped, it crashed, or its hardware was not there.

    `finding` is set where it was the candidate's own model or adapter that failed.
    """

    unmeasured: Literal[True] = True
    stage: str
    why: str
    crashed: bool = False
    finding: bool = False


class Raw(Record):
    """A file of raw samples kept beside the evidence; `path` is relative to the run's folder."""

    path: str
    sha256: Sha256
    rows: int
