"""Production since a launch held against what the launch promised: the checks, and what they come to.

Limits are those of the launch's own policy; where it has none, the launch's forecast is the limit. Only what the policy's
own gates block on can kill; all else alerts. Nothing that could not be measured is steady.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import AwareDatetime, ConfigDict, Field

from tasks.core.records import Record
from tasks.core.verdicts import GateResult
from tasks.evidence import Unmeasured
from tasks.gates import coverage, data_quality, drift, error_rate, production_accuracy, sample_size, slice_accuracy
from tasks.gates.comparisons import interval, rate_at_least, rate_at_most
from tasks.gates.verdict import Question, absent, verdict
from tasks.monitoring.forecast import CHECKLIST, Promise, SeenRate, answered, failed, kept, right_share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.core.verdicts import Decision, GateLimits
    from tasks.evidence import Evidence, StatusEvidence, VariantEvidence, WatchEvidence

Outcome = Literal["steady", "alert", "kill", "inconclusive", "unmeasured"]

NEEDED = (data_quality.NAME, error_rate.NAME, coverage.NAME, production_accuracy.NAME)  # to pass, to be steady
LAUNCH_DRIFT, FEEDBACK = "launch-drift", "feedback"
FORECASTS = 4  # that share one level: errors, answered requests, accuracy, feedback
KILL = "go back to the previous champion or switch the model off, and read what the service says of these requests"
SHORT_ID = 8


class Watch(Record):
    """The outcome of a watch; written as `watch.json` beside `watched.json`, which holds what was measured.

    `answers` says whose answers were held against labels; `checks` are gate results, of which those that a policy also
    has bear the gate's own name. `notes` say what else a reader should know of the window.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    model: str
    version: str
    variant: str
    champion_run_id: str
    run_id: str
    since: AwareDatetime
    until: AwareDatetime
    requests: int
    answers: Literal["logged", "replayed"] | None
    outcome: Outcome
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    checks: tuple[GateResult, ...]
    watched_at: AwareDatetime

    def sentence(self) -> str:
        """Return the outcome in one sentence: what, why, and where to read on."""
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        what = f"{self.outcome.upper()} {self.model} version {self.version} ({self.variant})"
        return f"{what}: {self.reasons[0]}{more}; run {self.run_id[:SHORT_ID]}"

    def metrics(self) -> dict[str, float]:
        """Return what each check saw, and 1 where it passed or 0 where it did not; what was not measured has none."""
        seen = {f"watch/{check.gate}": check.observed for check in self.checks if check.observed is not None}
        passed = {f"gate/{c.gate}": float(c.outcome == "pass") for c in self.checks if c.outcome != "unmeasured"}
        return {"watch/requests": float(self.requests), **seen, **passed}


def judge_production(
    found: WatchEvidence, launch: Evidence, decision: Decision, variant: str, limits: Mapping[str, GateLimits]
) -> tuple[GateResult, ...]:
    """Return every check of production since the launch that `launch` and `decision` record of `variant`.

    `limits` are the launch's policy's, under the names of its gates.
    """
    before = next(item for item in launch.variants if item.name == variant)
    errors, answered = (
        cast("error_rate.Limits", limits[error_rate.NAME]),
        cast("coverage.Limits", limits[coverage.NAME]),
    )
    floor = cast("production_accuracy.Limits", limits[production_accuracy.NAME])
    level = 1 - (1 - floor.confidence) / FORECASTS
    return (
        _quality(found, launch, limits),
        _errors(found.statuses, errors),
        _answered(found.statuses, answered),
        _accuracy(found, floor, variant),
        *(kept(promise, level) for promise in _promises(found, before, limits)),
        *_drift(found, decision, limits),
    )


def watch_outcome(checks: tuple[GateResult, ...]) -> tuple[Outcome, tuple[str, ...]]:
    """Return what the checks come to, and why, what weighs most first."""
    killing = [check for check in checks if check.outcome == "fail" and check.severity == "block"]
    alerting = [check for check in checks if check.outcome == "fail" and check.severity == "warn"]
    needed = [check for check in checks if check.gate in NEEDED]
    absent_ones = [check for check in needed if check.outcome == "unmeasured"]
    undecided = [check for check in needed if check.outcome == "inconclusive"]
    ranked: tuple[tuple[Outcome, list[GateResult]], ...] = (
        ("kill", killing),
        ("alert", alerting),
        ("unmeasured", absent_ones),
        ("inconclusive", undecided),
    )
    found = [(outcome, check) for outcome, group in ranked for check in group]
    if not found:
        held = "; ".join(check.because for check in checks if check.gate == f"{production_accuracy.NAME}-forecast")
        return "steady", (f"no limit of the policy and no forecast of the launch is broken: {held}",)
    if len({check.because for check in checks}) == 1:
        return found[0][0], (checks[0].because,)
    return found[0][0], tuple(f"{check.gate}: {check.because}" for _, check in found)


def _quality(found: WatchEvidence, launch: Evidence, limits: Mapping[str, GateLimits]) -> GateResult:
    """Return the launch's own gate's verdict; a warning, since a broken log says nothing of the model."""
    own = cast("data_quality.Limits", limits[data_quality.NAME]).model_copy(update={"severity": "warn"})
    if isinstance(found.quality, Unmeasured):
        return verdict(data_quality.NAME, CHECKLIST, own, (absent(found.quality),))
    now = launch.model_copy(update={"sample": found.sample, "production_quality": found.quality})
    return data_quality.judge(now, own)


def _errors(found: StatusEvidence | Unmeasured, limits: error_rate.Limits) -> GateResult:
    """Hold errors and timeouts to the kill switch; those of the last day can only fail, since a day has few requests."""
    if isinstance(found, Unmeasured):
        return verdict(error_rate.NAME, CHECKLIST, limits, (absent(found),))
    rows, limit = found.overall.rows, limits.max_error_rate
    what = f"The share of {rows:,} requests that ended in an error or a timeout"
    question = Question("requests", what, "share", KILL, "requests")
    checks = [rate_at_most(question, found.overall.failed, limit, limits.confidence, rows)]
    if found.last_day and found.last_day.failed.trials >= 1:
        last, level = found.last_day, 1 - (1 - limits.confidence) / 2  # which the two share
        if interval(last.failed, level).low > limit:
            what = f"The share of the last day's {last.rows:,} requests that ended in an error or a timeout"
            checks.append(
                rate_at_most(Question("last day", what, "share", KILL, "requests"), last.failed, limit, level)
            )
    return verdict(error_rate.NAME, CHECKLIST, limits, tuple(checks))


def _answered(found: StatusEvidence | Unmeasured, limits: coverage.Limits) -> GateResult:
    if isinstance(found, Unmeasured):
        return verdict(coverage.NAME, CHECKLIST, limits, (absent(found),))
    tally = found.overall
    what = (
        f"The share of answered requests among {tally.rows:,} ({tally.abstained:,} abstained, {tally.errors:,} failed)"
    )
    question = Question("requests", what, "share", KILL, "requests")
    check = rate_at_least(question, tally.answered, limits.min_answered, limits.confidence, tally.rows)
    return verdict(coverage.NAME, CHECKLIST, limits, (check,))


def _accuracy(found: WatchEvidence, limits: production_accuracy.Limits, variant: str) -> GateResult:
    if isinstance(found.answers, Unmeasured):
        return verdict(production_accuracy.NAME, CHECKLIST, limits, (absent(found.answers),), variant=variant)
    return production_accuracy.held(found.answers.scores, limits, variant)


def _promises(found: WatchEvidence, before: VariantEvidence, limits: Mapping[str, GateLimits]) -> Iterator[Promise]:
    """Yield what the launch forecast: failures, answered requests, accuracy, and negative feedback."""
    fewest = cast("sample_size.Limits", limits[sample_size.NAME])
    part = cast("slice_accuracy.Limits", limits[slice_accuracy.NAME]).min_slice_rows
    then = before.evaluation if isinstance(before.evaluation, Unmeasured) else before.evaluation.production.overall
    ended = found.statuses if isinstance(found.statuses, Unmeasured) else found.statuses.overall
    by, answers = "", found.answers if isinstance(found.answers, Unmeasured) else found.answers.scores.overall
    if not isinstance(found.answers, Unmeasured):
        by = f" (answers {found.answers.origin})"
    heard = found.feedback
    was, now = (heard, heard) if isinstance(heard, Unmeasured) else (
        SeenRate(heard.launch, heard.launch_rows), SeenRate(heard.now, heard.rows)
    )  # fmt: skip
    for name, what, before_it, since, least, floor in (
        (error_rate.NAME, "The share of requests that failed", failed(then), failed(ended), fewest.min_requests, False),
        (coverage.NAME, "The share of answered requests", answered(then), answered(ended), fewest.min_requests, True),
        (
            production_accuracy.NAME,
            f"The accuracy{by}",
            right_share(then),
            right_share(answers),
            fewest.min_labelled,
            True,
        ),
    ):
        yield Promise(f"{name}-forecast", what, before_it, since, least, floor)
    yield Promise(FEEDBACK, "The share of negative feedback", was, now, part, floor=False)


def _drift(found: WatchEvidence, decision: Decision, limits: Mapping[str, GateLimits]) -> tuple[GateResult, ...]:
    """Hold production to the evaluation set, but for what had moved at the launch already, and to the launch's sample."""
    own = cast("drift.Limits", limits[drift.NAME]).model_copy(update={"severity": "warn"})
    known = [c.name for gate in decision.gates if gate.gate == drift.NAME for c in gate.checks if c.outcome == "fail"]
    far = found.drift
    if not isinstance(far, Unmeasured):
        left = tuple(column for column in far.columns if column.column not in known)
        why = f"all that can be compared had moved at the launch already: {', '.join(known)}"
        far = far.model_copy(update={"columns": left}) if left else Unmeasured(stage="drift", why=why)
    return (
        drift.held(far, own),
        drift.held(found.launch_drift, own, name=LAUNCH_DRIFT, against="launch's production sample"),
    )
