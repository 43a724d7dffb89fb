"""The launch that is under way, as its parts know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tasks.core.records import Marking

if TYPE_CHECKING:
    from pathlib import Path

    from flows.artifacts import Progress
    from infra.ledger.port import Ledger
    from tasks.core.records import Candidate, Serving
    from tasks.decision.policy import Policy
    from tasks.evidence import Unmeasured, VariantEvidence


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


REFERENCE = "fp32"


class Answered(NamedTuple):
    """A variant's evidence so far, how it is served, and the top-level modules that serving it imports.

    `served` is the reason instead where nothing more is to be measured of it.
    """

    evidence: VariantEvidence
    served: Serving | Unmeasured
    modules: tuple[str, ...] = ()


def variant_names(candidate: Candidate) -> list[str]:
    """Return the reference, and then each other variant that was asked for."""
    return [REFERENCE, *(name for name in candidate.variants if name != REFERENCE)]
