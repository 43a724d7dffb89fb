"""The rules of a watch, on evidence made by hand: what kills, what alerts, and what is not steady for want of evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.report_example import launch, scores

from tasks.core.verdicts import Check
from tasks.decision.policy import load_policy
from tasks.evidence import (
    AnswerEvidence,
    DriftColumn,
    DriftEvidence,
    FeedbackEvidence,
    Share,
    StatusEvidence,
    Tally,
    Unmeasured,
    WatchEvidence,
)
from tasks.monitoring.watch import NEEDED, Watch, judge_production, watch_outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.core.verdicts import GateLimits, GateResult
    from tasks.monitoring.watch import Outcome

LAUNCH, DECISION = launch("promote")
LIMITS = load_policy("standard").limits()
ABSENT = Unmeasured(stage="answers", why="the graph is gone")
SINCE, UNTIL = datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)


def statuses(errors: int = 1, abstained: int = 100, rows: int = 10_000, last: Tally | None = None) -> StatusEvidence:
    """Return how a week's requests ended; its last day was without errors unless `last` says otherwise."""
    overall = Tally.counted(rows=rows, labelled=0, correct=0, abstained=abstained, errors=errors)
    quiet = Tally.counted(rows=400, labelled=0, correct=0, abstained=4, errors=0)
    return StatusEvidence(overall=overall, last_day=last or quiet)


def answers(correct: int, labelled: int = 3440) -> AnswerEvidence:
    """Return the scores of a week's labelled requests; 2,642 of 3,440 were right at the launch."""
    overall = Tally.counted(rows=labelled, labelled=labelled, correct=correct, abstained=0, errors=0)
    found = scores("production", "fp32", 0).model_copy(update={"overall": overall})
    return AnswerEvidence(origin="replayed", scores=found)


def feedback(negative: int, rows: int = 1000) -> FeedbackEvidence:
    """Return feedback of which a quarter was negative at the launch."""
    return FeedbackEvidence(
        launch=Share(events=250, trials=1000), launch_rows=1000, now=Share(events=negative, trials=rows), rows=rows
    )


def column(distance: float, name: str = "label") -> DriftColumn:
    """Return how far a column lies."""
    return DriftColumn(
        column=name, kind="numbers", distance=distance, excess=0, evaluation_rows=2000, production_rows=4000,
        production_effective_rows=4000, moved=(),
    )  # fmt: skip


def week(**changes: Any) -> WatchEvidence:
    """Return a week in which production was as it was at the launch, but for the changes."""
    parts: dict[str, Any] = {
        "since": SINCE,
        "until": UNTIL,
        "sample": LAUNCH.sample,
        "quality": LAUNCH.production_quality,
        "statuses": statuses(),
        "answers": answers(2642),
        "drift": LAUNCH.drift,
        "launch_drift": DriftEvidence(columns=(column(0.01),)),
        "feedback": feedback(260),
    }
    return WatchEvidence(**(parts | changes))


def judged(found: WatchEvidence, limits: Mapping[str, GateLimits] = LIMITS) -> dict[str, GateResult]:
    """Return the checks by name."""
    return {check.gate: check for check in judge_production(found, LAUNCH, DECISION, "fp32", limits)}


def outcome(found: WatchEvidence) -> Outcome:
    """Return what a week comes to under the standard policy."""
    return watch_outcome(tuple(judged(found).values()))[0]


def test_a_week_like_the_launch_is_steady() -> None:
    """Every check passes, and the reason gives the accuracy beside its forecast."""
    checks = judged(week())
    assert {check.outcome for check in checks.values()} == {"pass"}
    found, (reason,) = watch_outcome(tuple(checks.values()))
    assert found == "steady"
    assert "(answers replayed) is 76.8% of 3,440, and the launch forecast at least" in reason


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"statuses": statuses(errors=30)}, "error-rate"),
        ({"statuses": statuses(abstained=800)}, "coverage"),
        ({"answers": answers(2200)}, "production-accuracy"),
    ],
)
def test_what_the_policys_own_gates_block_on_kills(change: dict[str, Any], gate: str) -> None:
    """Errors over the kill switch, too few answers, and accuracy under the floor kill; the first reason says which."""
    checks = tuple(judged(week(**change)).values())
    found, reasons = watch_outcome(checks)
    assert found == "kill"
    assert reasons[0].startswith(f"{gate}: ")


def test_a_gate_that_only_warns_in_the_policy_only_alerts() -> None:
    """The policy says what blocks; without a word from it nothing kills."""
    warns = {name: limits.model_copy(update={"severity": "warn"}) for name, limits in LIMITS.items()}
    checks = judged(week(statuses=statuses(errors=30)), warns)
    assert watch_outcome(tuple(checks.values()))[0] == "alert"


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"answers": answers(2530)}, {"production-accuracy-forecast"}),
        ({"statuses": statuses(abstained=250)}, {"coverage-forecast"}),
        ({"feedback": feedback(340)}, {"feedback"}),
        ({"drift": DriftEvidence(columns=(column(0.5),))}, {"drift"}),
        ({"launch_drift": DriftEvidence(columns=(column(0.5),))}, {"launch-drift"}),
        ({"quality": LAUNCH.production_quality.model_copy(update={"rows": 0})}, {"data-quality"}),  # type: ignore[union-attr]
    ],
)
def test_what_is_not_as_forecast_alerts(change: dict[str, Any], failed: set[str]) -> None:
    """A broken forecast, drift, feedback and a broken log alert, each alone: none of them kills."""
    checks = judged(week(**change))
    assert {name for name, check in checks.items() if check.outcome == "fail"} == failed
    assert watch_outcome(tuple(checks.values()))[0] == "alert"


def test_an_outage_of_the_last_day_kills_though_the_week_hides_it() -> None:
    """Nine errors in a day of 400 are shown to be over the limit, where nine in a week of 10,000 are not; one is not."""
    day = Tally.counted(rows=400, labelled=0, correct=0, abstained=0, errors=9)
    hidden, outage = statuses(errors=9), statuses(errors=9, last=day)
    assert judged(week(statuses=hidden))["error-rate"].outcome == "inconclusive"
    assert judged(week(statuses=outage))["error-rate"].because.startswith("The share of the last day's 400 requests")
    assert outcome(week(statuses=outage)) == "kill"
    one = Tally.counted(rows=400, labelled=0, correct=0, abstained=0, errors=1)
    assert [check.name for check in judged(week(statuses=statuses(last=one)))["error-rate"].checks] == ["requests"]


@pytest.mark.parametrize("stage", ["quality", "statuses", "answers"])
def test_absence_is_not_steady(stage: str) -> None:
    """Without quality, statuses or answers nothing is steady, and the reason is why they are absent."""
    found, reasons = watch_outcome(tuple(judged(week(**{stage: ABSENT})).values()))
    assert found == "unmeasured"
    assert "the graph is gone" in reasons[0]


def test_too_few_requests_are_inconclusive_and_say_how_many_would_do() -> None:
    """Ninety requests without an error show no rate under 0.1%."""
    few = week(statuses=statuses(errors=0, abstained=1, rows=90))
    found, reasons = watch_outcome(tuple(judged(few).values()))
    assert found == "inconclusive"
    assert "would settle it" in reasons[0]
    forecast = judged(few)["coverage-forecast"]
    assert (forecast.outcome, forecast.checks[0].needed) == ("inconclusive", 1000)


def test_missing_feedback_and_labels_of_drift_do_not_keep_a_week_from_being_steady() -> None:
    """A log need not have feedback; that nothing is said of it stands in the table."""
    assert outcome(week(feedback=ABSENT)) == "steady"
    assert judged(week(feedback=ABSENT))["feedback"].outcome == "unmeasured"


def test_what_had_moved_at_the_launch_is_held_to_the_launch_alone() -> None:
    """A shift that the launch accepted is no news: only other columns are held to the evaluation set."""
    moved = Check(name="label", outcome="fail", because="it had moved")
    decision = DECISION.model_copy(
        update={
            "gates": tuple(
                gate.model_copy(update={"checks": (moved,)}) if gate.gate == "drift" else gate
                for gate in DECISION.gates
            )
        }
    )
    both = DriftEvidence(columns=(column(0.5), column(0.02, "price")))
    checks = {c.gate: c for c in judge_production(week(drift=both), LAUNCH, decision, "fp32", LIMITS)}
    assert (checks["drift"].outcome, [c.name for c in checks["drift"].checks]) == ("pass", ["price"])
    alone = DriftEvidence(columns=(column(0.5),))
    checks = {c.gate: c for c in judge_production(week(drift=alone), LAUNCH, decision, "fp32", LIMITS)}
    assert "had moved at the launch already: label" in checks["drift"].because


def test_the_record_reads_back_and_says_itself_in_a_sentence() -> None:
    """JSON keeps every field, under `schema` as in the other records; the metrics leave out what was not measured."""
    checks = judge_production(week(feedback=ABSENT, answers=ABSENT), LAUNCH, DECISION, "fp32", LIMITS)
    found, reasons = watch_outcome(checks)
    verdict = Watch(
        model="tone", version="3", variant="fp32", champion_run_id="c" * 32, run_id="abcdef0123", since=SINCE,
        until=UNTIL, requests=4000, answers=None, outcome=found, reasons=reasons, checks=checks, watched_at=UNTIL,
    )  # fmt: skip
    text = verdict.model_dump_json()
    assert text.startswith('{"schema":1,')
    assert Watch.model_validate_json(text) == verdict
    assert verdict.sentence() == (
        "UNMEASURED tone version 3 (fp32): production-accuracy: The stage answers has no result: the graph is gone; "
        "run abcdef01"
    )
    numbers = verdict.metrics()
    assert (numbers["watch/requests"], numbers["watch/error-rate"], numbers["gate/error-rate"]) == (4000, 0.0001, 1)
    assert not {"gate/feedback", "watch/production-accuracy"} & numbers.keys()


def test_the_documentation_names_every_check() -> None:
    """docs/watch.md has a row a check, and says of those that must pass that they must."""
    page = (Path(__file__).parents[3] / "docs" / "watch.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert list(rows) == [check.gate for check in judge_production(week(), LAUNCH, DECISION, "fp32", LIMITS)]
    assert {name for name, line in rows.items() if "must pass" in line} == set(NEEDED)
