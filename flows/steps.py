"""Every stage as a Prefect task, with its settings in one place.

No task is cached by Prefect: the content-addressed store of `tasks.core.store` spares unchanged exports, and a measurement
is never reused. A stage that can meet a network fault is tried again; a measurement is not, since a second try would
hide what the first one saw.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.production_log import sample_log, validate_log, validate_set
from tasks.core.errors import InputError, ModelError, StageError
from tasks.data.datasets import copy_fixed_sets
from tasks.data.drift import measure_drift
from tasks.data.redaction import mask
from tasks.data.traits import write_traits
from tasks.environment.lock import check_dependencies
from tasks.environment.overlay import lay_over as overlay_packages
from tasks.evaluation.calibration import calibrate_variant
from tasks.evaluation.champion import answer_as_champion
from tasks.evaluation.evaluate import evaluate_variant
from tasks.evaluation.review import draw_review
from tasks.evaluation.robustness.measure import measure_robustness
from tasks.evaluation.unlabelled import estimate_without_labels
from tasks.evidence import Unmeasured
from tasks.monitoring.production import compare_feedback, score_answers, tally_statuses
from tasks.performance.latency.closed_loop import measure_latency
from tasks.performance.latency.cold_start import measure_cold_start
from tasks.performance.latency.interleaved import compare_with_champion
from tasks.performance.load.peak import measure_load
from tasks.performance.memory.measure import measure_memory
from tasks.report.progress import alive
from tasks.report.write import write_report
from tasks.serving.determinism import measure_determinism
from tasks.serving.provider import prove_provider
from tasks.serving.replay import replay as replay_recorded
from tasks.variants.export import export_model
from tasks.variants.parity import check_parity
from tasks.variants.quantize import quantize as quantize_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.tasks import Task


Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
log = logging.getLogger("launchgate")


def _worth_another_try(_task: object, _run: object, state: Any) -> bool:
    """Tell a fault of the network from a user's mistake, which no second try mends."""
    return not isinstance(state.result(raise_on_failure=False), (InputError, StageError))


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
    with alive(stage):
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
