"""A promoted model against its production log since the launch: is it as the launch promised, on a schedule."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow

from flows import steps
from flows.artifacts import announce_watch
from flows.champion import champion_of, fetch
from infra.ledger.mlflow_ledger import open_ledger
from tasks.core.errors import InputError
from tasks.core.files import write_whole
from tasks.core.run_folder import RunFolder
from tasks.core.store import home
from tasks.evidence import Unmeasured, WatchEvidence
from tasks.monitoring.watch import Watch, judge_production, watch_outcome
from tasks.serving.server import serving_of

if TYPE_CHECKING:
    from flows.champion import Live
    from infra.ledger.port import Champion, Ledger, Recorded

RECORD, EVIDENCE = "watch.json", "watched.json"


@flow(name="watch", flow_run_name="{model}", persist_result=False, validate_parameters=False)
def watch(model: str, since: str | None = None, until: str | None = None) -> Watch:
    """Hold a sample of what a model's champion was asked since its launch to the launch's policy and forecasts.

    `since` and `until` are days or times in ISO 8601, UTC where they name no zone; by default the days after the window
    that the launch drew from, no more than the policy's window has, up to now. The registry's alias is not moved, whatever
    is found. Raises InputError where the model has no champion, the window is none, or the launch's files are gone.
    """
    ledger = open_ledger()
    ledger.check()
    champion = champion_of(ledger, model, "watch")
    recorded = ledger.load(champion.run_id)
    home().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="watch-", dir=home()) as folder:
        live = fetch(ledger, champion, recorded, Path(folder))
        start, end = _window(live, since, until)
        tags = {"champion_run": champion.run_id, "champion_version": champion.version}
        run_id = ledger.start(live.candidate, live.policy, "watch", tags)
        try:
            into = RunFolder(home() / "runs" / run_id)
            found = collect_evidence_since_launch(live, into, start, end)
            verdict = decide_watch(live, found, run_id)
            record_watch(ledger, verdict, found, into.path)
        except BaseException as error:
            stopped = not isinstance(error, Exception)
            ledger.stop(run_id, "KILLED" if stopped else "FAILED", str(error) or type(error).__name__)
            raise
    announce_watch(verdict, ledger.url(run_id))
    return verdict


def collect_evidence_since_launch(live: Live, into: RunFolder, since: datetime, until: datetime) -> WatchEvidence:
    """Collect what production shows; a stage that has no result leaves an `Unmeasured`, and the others go on."""
    candidate, policy, columns = live.candidate, live.policy, live.candidate.columns
    sample, evaluation, before = into.data_set("production"), *_held_against(live)
    drawn = steps.attempt("sample", steps.sample, candidate, policy.sample, until, sample, since)
    if isinstance(drawn, Unmeasured) or not drawn.rows:
        none = drawn if isinstance(drawn, Unmeasured) else _nothing(drawn.source, since, until)
        names = ("quality", "statuses", "answers", "drift", "launch_drift", "feedback")
        return WatchEvidence(since=since, until=until, sample=drawn, **dict.fromkeys(names, none))
    described = steps.attempt("describe-production", steps.describe, sample, columns)
    curated = steps.attempt("describe-evaluation", steps.describe, evaluation, columns)
    launched = steps.attempt("describe-launch", steps.describe, before, columns)
    measuring, marking = policy.measure, live.recorded.evidence.marking
    served = serving_of(candidate, live.variant, policy.target, measuring.threads, marking)
    out = into.variant(live.champion.variant).path
    return WatchEvidence(
        since=since,
        until=until,
        sample=drawn,
        quality=steps.attempt(
            "validate-production",
            steps.check_production,
            sample,
            evaluation,
            candidate,
            policy,
            until,
            into.quality,
            since,
        ),
        statuses=steps.attempt("statuses", steps.count_statuses, sample, columns, since, until),
        answers=steps.attempt("answers", steps.score_served, candidate, served, sample, out),
        drift=steps.attempt("drift", steps.drift, sample, evaluation, columns, described, curated),
        launch_drift=steps.attempt("launch-drift", steps.drift, sample, before, columns, described, launched),
        feedback=steps.attempt("feedback", steps.hear_feedback, sample, before, columns),
    )


def decide_watch(live: Live, found: WatchEvidence, run_id: str) -> Watch:
    """Return what the evidence comes to under the launch's own policy."""
    champion, recorded = live.champion, live.recorded
    checks = judge_production(found, recorded.evidence, recorded.decision, champion.variant, live.policy.limits())
    outcome, reasons = watch_outcome(checks)
    return Watch(
        model=champion.model,
        version=champion.version,
        variant=champion.variant,
        champion_run_id=champion.run_id,
        run_id=run_id,
        since=found.since,
        until=found.until,
        requests=0 if isinstance(found.sample, Unmeasured) else found.sample.rows,
        answers=None if isinstance(found.answers, Unmeasured) else found.answers.origin,
        outcome=outcome,
        reasons=reasons,
        notes=_notes(found, _launch_end(champion, recorded)),
        checks=checks,
        watched_at=datetime.now(UTC),
    )


def record_watch(ledger: Ledger, verdict: Watch, found: WatchEvidence, folder: Path) -> None:
    """Keep the evidence, the sample, the answers and the Data Docs, and the outcome last; then close the run."""
    write_whole(folder / EVIDENCE, found.model_dump_json().encode())
    for item in sorted(folder.glob("[!.]*")):
        ledger.add(verdict.run_id, item, {})
    write_whole(folder / RECORD, verdict.model_dump_json(indent=2).encode())
    told = {"verdict": verdict.outcome, "verdict_because": verdict.reasons[0]}
    ledger.add(verdict.run_id, folder / RECORD, told, verdict.metrics())
    ledger.stop(verdict.run_id, "FINISHED", verdict.reasons[0])


def _held_against(live: Live) -> tuple[Path, Path | Unmeasured]:
    """Return the launch's evaluation set and its production sample, which it may not have been able to draw."""
    before, drawn = live.data / "production.parquet", live.recorded.evidence.sample
    return live.data / "evaluation.parquet", drawn if isinstance(drawn, Unmeasured) else before


def _window(live: Live, since: str | None, until: str | None) -> tuple[datetime, datetime]:
    """Return where the window starts and ends, in UTC. Raises InputError where that is no window."""
    end = _moment(until, "until") if until else datetime.now(UTC)
    launch_end = _launch_end(live.champion, live.recorded)
    start = _moment(since, "since") if since else max(launch_end, end - timedelta(days=live.policy.sample.window_days))
    if start >= end:
        raise InputError(
            f"the window to watch starts at {start:%Y-%m-%d %H:%M} and ends at {end:%Y-%m-%d %H:%M} UTC, so it holds "
            f"nothing; the launch's own window ended at {launch_end:%Y-%m-%d %H:%M}; give --since and --until"
        )
    return start, end


def _launch_end(champion: Champion, recorded: Recorded) -> datetime:
    """Return until when the launch saw production."""
    drawn = recorded.evidence.sample
    return champion.decided_at if isinstance(drawn, Unmeasured) else drawn.window_end


def _moment(text: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"--{name} is '{text}', which is no day or time in ISO 8601, such as 2026-03-08") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _nothing(source: str, since: datetime, until: datetime) -> Unmeasured:
    why = (
        f"no request is logged in {source} from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC; find out why "
        "logging stopped, or give --since and --until of days that the log has"
    )
    return Unmeasured(stage="sample", why=why)


def _notes(found: WatchEvidence, launch_end: datetime) -> tuple[str, ...]:
    """Return what else a reader should know of the window."""
    if found.since >= launch_end:
        return ()
    return (
        f"the window starts before {launch_end:%Y-%m-%d %H:%M} UTC, so the launch saw some of these requests itself",
    )
