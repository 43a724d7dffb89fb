"""A candidate's production log: opened, sampled, and held to its suite."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from expectations.validate import validate_evaluation, validate_production
from infra.storage import open_log
from tasks.data.sampling import LatestTimes, draw_sample
from tasks.data.traits import traits_file
from tasks.performance.load.arrivals import keep_times, times_beside

if TYPE_CHECKING:
    from datetime import datetime

    from tasks.core.records import Candidate
    from tasks.core.settings import Sampling
    from tasks.decision.policy import Policy
    from tasks.evidence import SampleEvidence, ValidationEvidence
    from tasks.gates import data_quality
    from tasks.gates import drift as drift_gate


def sample_log(
    candidate: Candidate,
    sampling: Sampling,
    as_of: datetime,
    out: Path,
    since: datetime | None = None,
    keeps_times: bool = False,
) -> SampleEvidence:
    """Return the sample of the candidate's production log: of the window asked for, or from `since` on.

    With `keeps_times`, when its latest requests came is kept beside the sample.
    """
    times = LatestTimes() if keeps_times else None
    drawn = draw_sample(open_log(candidate.production_log), candidate.columns, sampling, as_of, out, since, times)
    if times is not None:
        keep_times(times.times_us(), times_beside(out))
    return drawn.model_copy(update={"raw": drawn.raw.model_copy(update={"path": f"{out.parent.name}/{out.name}"})})


def validate_log(
    production: Path,
    evaluation: Path,
    candidate: Candidate,
    policy: Policy,
    as_of: datetime,
    out: Path,
    since: datetime | None = None,
) -> ValidationEvidence:
    """Return how the sample stands to its suite; traits of the rows lie beside them if they could be told."""
    import pandas as pd

    sampling, traits = policy.sample, [traits_file(rows) for rows in (evaluation, production)]
    return validate_production(
        pd.read_parquet(production), candidate.columns, as_of=as_of,
        window_days=(as_of - since) / timedelta(days=1) if since else sampling.window_days,
        stale_after_hours=sampling.stale_after_hours, evaluation=pd.read_parquet(evaluation),
        quality=cast("data_quality.Limits", policy.limits()["data-quality"]),
        drift=cast("drift_gate.Limits", policy.limits()["drift"]), out=out,
        classes=candidate.task == "classification",
        traits=(pd.read_parquet(traits[0]), pd.read_parquet(traits[1])) if all(map(Path.exists, traits)) else None,
    )  # fmt: skip


def validate_set(evaluation: Path, candidate: Candidate, out: Path) -> ValidationEvidence:
    """Return how the evaluation set stands to its suite."""
    import pandas as pd

    return validate_evaluation(pd.read_parquet(evaluation), candidate.columns, out)
