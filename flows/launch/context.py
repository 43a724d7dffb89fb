"""What the stages of one launch share: its inputs, its folder, its data sets, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.evidence import Unmeasured

if TYPE_CHECKING:
    from pathlib import Path

    from flows.artifacts import Progress
    from infra.ledger.port import Ledger
    from tasks.core.records import Candidate, Marking
    from tasks.core.run_folder import RunFolder
    from tasks.data.datasets import DataSets
    from tasks.decision.policy import Policy

REFERENCE = "fp32"


@dataclass(frozen=True)
class Launch:
    """What every stage of one launch shares.

    `production` is the file of the production sample, or why there is none.
    """

    candidate: Candidate
    policy: Policy
    ledger: Ledger
    run_id: str
    folder: RunFolder
    progress: Progress
    sets: DataSets
    marking: Marking
    production: Path | Unmeasured

    @property
    def drawn_sets(self) -> DataSets | Unmeasured:
        """All three data sets, or why the production sample is not among them."""
        return self.sets if not isinstance(self.production, Unmeasured) else self.production

    @property
    def calibration(self) -> Path:
        """The calibration set, a Parquet file."""
        return self.sets.calibration


def variant_names(candidate: Candidate) -> list[str]:
    """Return the reference, and then each other variant that was asked for."""
    return [REFERENCE, *(name for name in candidate.variants if name != REFERENCE)]
