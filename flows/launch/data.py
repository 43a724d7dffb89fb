"""What the production log and the evaluation set of a launch show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows import steps
from tasks.candidate.folder import candidate_digest
from tasks.environment.describe import describe_environment
from tasks.evidence import DataEvidence, Unmeasured

if TYPE_CHECKING:
    from tasks.core.records import Candidate, Marking
    from tasks.core.run_folder import RunFolder
    from tasks.data.datasets import DataSets
    from tasks.decision.policy import Policy


def measure_data(
    candidate: Candidate, policy: Policy, sets: DataSets, marking: Marking, folder: RunFolder
) -> DataEvidence:
    """Draw the production sample, and return what it and the evaluation set show."""
    as_of = candidate.data.as_of or datetime.now(UTC)
    replayed = policy.business.arrivals == "replay"
    drawn = steps.attempt(
        "sample", steps.sample, candidate, policy.sample, as_of, sets.production, keeps_times=replayed
    )
    production = sets.production if not isinstance(drawn, Unmeasured) else drawn
    described = (
        steps.attempt("describe-production", steps.describe, production, candidate.columns),
        steps.attempt("describe-evaluation", steps.describe, sets.evaluation, candidate.columns),
    )
    return DataEvidence(
        candidate=candidate.name,
        candidate_folder=candidate.folder.name,
        candidate_sha256=candidate_digest(candidate),
        task=candidate.task,
        marking=marking,
        target=policy.target,
        environment=describe_environment(),
        sample=drawn,
        production_quality=steps.attempt(
            "validate-production",
            steps.check_production,
            production,
            sets.evaluation,
            candidate,
            policy,
            as_of,
            folder.quality,
        ),
        evaluation_quality=steps.attempt(
            "validate-evaluation", steps.check_evaluation, sets.evaluation, candidate, folder.quality
        ),
        drift=steps.attempt("drift", steps.drift, production, sets.evaluation, candidate.columns, *described),
    )
