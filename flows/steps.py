"""Every stage as a Prefect task, with its settings in one place.

No task is cached by Prefect: the content-addressed store of `tasks.store` spares unchanged exports, and a measurement
is never reused. A stage that can meet a network fault is tried again; a measurement is not, since a second try would
hide what the first one saw.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.storage import open_log
from tasks.calibrate import calibrate_variant
from tasks.capacity.loaded import measure_capacity
from tasks.champion import answer_as_champion
from tasks.datasets import copy_fixed_sets
from tasks.dependencies import check_dependencies
from tasks.determinism import measure_determinism
from tasks.drift import measure_drift
from tasks.evaluate import evaluate_variant
from tasks.evidence import Unmeasured
from tasks.export import check_parity, export_model
from tasks.labelfree import estimate_without_labels
from tasks.latency.profile import measure_latency
from tasks.latency.start import measure_cold_start
from tasks.latency.turns import compare_with_champion
from tasks.load.arrivals import keep_times, times_beside
from tasks.load.peak import measure_load
from tasks.mask import mask
from tasks.memory import measure_memory
from tasks.observe import compare_feedback, score_answers, tally_statuses
from tasks.overlay import lay_over as overlay_packages
from tasks.provider import prove_provider
from tasks.quantize import quantize as quantize_model
from tasks.records import InputError, ModelError, StageError
from tasks.replay import replay as replay_recorded
from tasks.report import write_report
from tasks.review import draw_review
from tasks.robustness import measure_robustness
from tasks.sample import LatestTimes, draw_sample
from tasks.traits import traits_file, write_traits
from tasks.validate import validate_evaluation, validate_production

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from prefect.tasks import Task

    from tasks.evidence import SampleEvidence, ValidationEvidence
    from tasks.gates import data_quality
    from tasks.gates import drift as drift_gate
    from tasks.policy import Policy, Sampling
    from tasks.records import Candidate

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
log = logging.getLogger("launchgate")


def _worth_another_try(_task: object, _run: object, state: Any) -> bool:
    """Tell a fault of the network from a user's mistake, which no second try mends."""
    return not isinstance(state.result(raise_on_failure=False), (InputError, StageError))


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
    address = candidate.data.production
    source = open_log(address if address.startswith("s3://") else str(candidate.resolve(address)))
    times = LatestTimes() if keeps_times else None
    drawn = draw_sample(source, candidate.columns, sampling, as_of, out, since, times)
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


def _step(function: Callable[Parameters, Result], name: str) -> Task[Parameters, Result]:
    """Bind a stage that is run once, with nothing cached or persisted by Prefect.

    It has no tags: Prefect asks its server for a slot before it runs a task with tags, and may wait for seconds.
    """
    return task(name=name, cache_policy=NO_CACHE, persist_result=False)(function)


copy_sets = _step(copy_fixed_sets, "copy-sets")
sample = task(
    name="sample",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=_worth_another_try,
)(sample_log)
check_production = _step(validate_log, "validate-production")
check_evaluation = _step(validate_set, "validate-evaluation")
describe = _step(write_traits, "describe")
drift = _step(measure_drift, "drift")
export = _step(export_model, "export")
parity = _step(check_parity, "parity")
quantize = _step(quantize_model, "quantize")
prove = _step(prove_provider, "prove-provider")
lay_over = _step(overlay_packages, "lay-over-packages")
ask_champion = _step(answer_as_champion, "ask-champion")
evaluate = _step(evaluate_variant, "evaluate")
calibrate = _step(calibrate_variant, "calibrate")
estimate = _step(estimate_without_labels, "estimate")
time_calls = _step(measure_latency, "latency")
offer_load = _step(measure_load, "load")
find_capacity = _step(measure_capacity, "capacity")
time_starts = _step(measure_cold_start, "cold-start")
time_in_turns = _step(compare_with_champion, "champion-latency")
repeat = _step(measure_determinism, "determinism")
perturb = _step(measure_robustness, "robustness")
watch_memory = _step(measure_memory, "memory")
replay = _step(replay_recorded, "replay")
count_statuses = _step(tally_statuses, "count-statuses")
score_served = _step(score_answers, "score-answers")
hear_feedback = _step(compare_feedback, "feedback")
check_lock = _step(check_dependencies, "dependencies")
review = _step(draw_review, "review")
report = _step(write_report, "report")


def attempt(stage: str, step: Task[..., Result], *args: Any, **kwargs: Any) -> Result | Unmeasured:
    """Run a step and return its result, or why there is none: the launch goes on and collects what it can.

    A positional argument that is itself unmeasured means that the step has nothing to work on, and it is not run.
    What the user is to mend (InputError) does not stop it either: preflight has refused what could be seen before.
    """
    for given in args:
        if isinstance(given, Unmeasured):
            return Unmeasured(stage=stage, why=f"not run, since {given.stage} has no result: {given.why}")
    started = time.monotonic()
    state: Any = step(*args, return_state=True, **kwargs)
    took = time.monotonic() - started
    if state.is_completed():
        log.info("%s done in %.1f s", stage, took)
        result: Result = state.result()
        return result
    error = state.result(raise_on_failure=False)
    foreseen = isinstance(error, (InputError, StageError))
    # a library's message may quote a request
    why = str(error) if foreseen else mask(f"{type(error).__name__}: {error}")
    log.warning("%s has no result after %.1f s: %s", stage, took, why)
    return Unmeasured(stage=stage, why=why, crashed=not foreseen, finding=isinstance(error, ModelError))
