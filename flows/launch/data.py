"""What the production log and the evaluation set of a launch show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows import steps
from tasks.candidate.folder import candidate_digest
from tasks.environment.describe import describe_environment
from tasks.evidence import Evidence, Unmeasured

if TYPE_CHECKING:
    from flows.launch.context import Launch
    from tasks.data.datasets import DataSets


def measure_data(current: Launch, sets: DataSets) -> Evidence:
    """Return what the production log and the evaluation set show; the rest of the evidence is not measured yet."""
    candidate, policy = current.candidate, current.policy
    as_of = candidate.data.as_of or datetime.now(UTC)
    drawn = steps.attempt(
        "sample",
        steps.sample,
        candidate,
        policy.sample,
        as_of,
        sets.production,
        keeps_times=policy.business.arrivals == "replay",
    )
    production = sets.production if not isinstance(drawn, Unmeasured) else drawn
    described = (
        steps.attempt("describe-production", steps.describe, production, candidate.columns),
        steps.attempt("describe-evaluation", steps.describe, sets.evaluation, candidate.columns),
    )
    quality = current.folder / "quality"
    production_quality = steps.attempt(
        "validate-production",
        steps.check_production,
        production,
        sets.evaluation,
        candidate,
        policy,
        as_of,
        quality,
    )
    evaluation_quality = steps.attempt(
        "validate-evaluation", steps.check_evaluation, sets.evaluation, candidate, quality
    )
    drift = steps.attempt("drift", steps.drift, production, sets.evaluation, candidate.columns, *described)
    later = Unmeasured(stage="variants", why="not measured yet")
    return Evidence(
        candidate=candidate.name,
        candidate_folder=candidate.folder.name,
        candidate_sha256=candidate_digest(candidate),
        task=candidate.task,
        marking=current.marking,
        target=policy.target,
        environment=describe_environment(),
        sample=drawn,
        production_quality=production_quality,
        evaluation_quality=evaluation_quality,
        drift=drift,
        dependencies=later,
        export=later,
        review=later,
        variants=(),
    )
