"""The launch that is under way, as its parts know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.records import Marking

if TYPE_CHECKING:
    from pathlib import Path

    from flows.announce import Progress
    from infra.ledger import Ledger
    from tasks.policy import Policy
    from tasks.records import Candidate


@dataclass(frozen=True)
class Launch:
    """What every stage of one launch shares."""

    candidate: Candidate
    policy: Policy
    ledger: Ledger
    run_id: str
    folder: Path
    progress: Progress
    marking: Marking = field(default_factory=Marking)
