"""A champion watched for real: launched, promoted, and then held to what its log shows of each week that followed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest
from support.command import Command
from support.tiny import AS_OF, quick_policy, tiny_log, write_log, write_tiny

from flows.launch.flow import launch
from flows.watch import watch
from infra.ledger.mlflow_ledger import open_ledger
from tasks.core.errors import InputError
from tasks.evidence import AnswerEvidence, SampleEvidence, WatchEvidence
from tasks.monitoring.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.ledger.port import Champion
    from tasks.core.verdicts import GateResult

pytestmark = pytest.mark.server

WEEK = timedelta(days=7)
ROWS = 1400  # a week
HELD = ("export-parity", "error-rate", "coverage", "production-accuracy")


class Live(NamedTuple):
    """A champion, the folder of its production log, and that of all that launches leave."""

    champion: Champion
    log: Path
    home: Path


@pytest.fixture(scope="module")
def live(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Launch a candidate that is promoted; one request in ten of its log has feedback."""
    folder = tmp_path_factory.mktemp("watch")
    candidate = write_tiny(
        folder / "steady", settings={"variants": ["fp32"]}, production=_with_feedback(tiny_log(), seed=5)
    )
    policy = quick_policy(folder / "quick.yaml", block=HELD, last_stage="review")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAUNCHGATE_HOME", str(folder / "home"))
        patch.setenv("PREFECT_API_URL", prefect)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert launch(str(candidate), str(policy)).outcome == "promote"
        champion = open_ledger().champion("tiny")
        assert champion is not None
        yield Live(champion, candidate / "data" / "log", folder / "home")


def test_a_clean_week_is_steady_and_recorded(live: Live, tmp_path: Path) -> None:
    """Every check passes, answers are the kept variant's own, and the run holds the outcome, evidence, sample and Data Docs."""
    verdict = watch("tiny", *_week(live, 1, _following(1)))
    assert verdict.outcome == "steady", verdict.reasons
    assert {check.gate: check.outcome for check in verdict.checks if check.outcome != "pass"} == {}
    assert (verdict.requests, verdict.answers, verdict.notes) == (ROWS, "replayed", ())
    ledger = open_ledger()
    assert Watch.model_validate_json(ledger.fetch(verdict.run_id, "watch.json", tmp_path).read_bytes()) == verdict
    seen = WatchEvidence.model_validate_json(ledger.fetch(verdict.run_id, "watched.json", tmp_path).read_bytes())
    assert isinstance(seen.sample, SampleEvidence)
    assert isinstance(seen.answers, AnswerEvidence)
    raw = ledger.fetch(verdict.run_id, seen.answers.scores.raw.path, tmp_path)
    assert len(pd.read_parquet(raw)) == len(
        pd.read_parquet(ledger.fetch(verdict.run_id, seen.sample.raw.path, tmp_path))
    )
    assert ledger.fetch(verdict.run_id, "quality/data-docs-production.html", tmp_path).is_file()
    run = ledger._client.get_run(verdict.run_id)
    assert (run.info.status, run.data.tags["launchgate.kind"], run.data.tags["verdict"]) == (
        "FINISHED",
        "watch",
        "steady",
    )
    assert run.data.tags["champion_run"] == live.champion.run_id
    assert run.data.metrics["gate/error-rate"] == 1
    assert run.data.metrics["watch/requests"] == ROWS
    assert ledger.champion("tiny") == live.champion
    assert ledger.find("steady") == live.champion.run_id


def test_errors_over_the_kill_switch_kill(
    live: Live, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One request in fifty fails after the launch: exit status 1, the table and one line that says why; nothing moves."""
    rows = _following(2).assign(prediction=lambda week: week["label"].fillna("positive"))
    rows["status"] = np.where(np.arange(len(rows)) % 50 == 0, "timeout", "ok")
    since, until = _week(live, 2, rows)
    monkeypatch.setenv("COLUMNS", "120")
    said = Command(capfd)("watch", "tiny", "--since", since, "--until", until)
    assert said.code == 1, said.err
    lines = said.out.splitlines()
    assert any(line.startswith("error-rate ") and line.split()[2:] == ["fail", "2%", "0.3%"] for line in lines), lines
    last = " ".join(lines[lines.index(next(line for line in lines if line.startswith("KILL"))) :])
    assert last.startswith("KILL tiny version 1 (fp32): error-rate: The share of 1,400 requests that ended in an error")
    assert "over the limit of 0.3%; go back to the previous champion" in last
    assert open_ledger().champion("tiny") == live.champion


def test_accuracy_below_the_forecast_alerts(live: Live) -> None:
    """One label in eight turns: the floor of the policy still holds, the launch's forecast does not."""
    rows = _following(3)
    turned = np.arange(len(rows)) % 8 == 0
    other = rows["label"].map({"positive": "negative", "negative": "positive"})
    rows["label"] = rows["label"].where(~turned, other)
    verdict = watch("tiny", *_week(live, 3, rows))
    assert verdict.outcome == "alert"
    assert _failed(verdict) == {"production-accuracy-forecast"}
    assert "the launch forecast at least" in verdict.reasons[0]


def test_inputs_that_moved_alert(live: Live) -> None:
    """Texts four times as long: both drifts alert, from the evaluation set and from the launch's own sample."""
    rows = _following(4)
    rows["text"] = [" ".join([text] * 4) for text in rows["text"]]
    verdict = watch("tiny", *_week(live, 4, rows))
    assert verdict.outcome == "alert"
    assert {"drift", "launch-drift"} <= _failed(verdict) <= {"drift", "launch-drift"}
    assert "the launch's production sample in 'characters of text'" in _check(verdict, "launch-drift").because


def test_more_negative_feedback_alerts_and_logged_answers_are_used(live: Live) -> None:
    """Half of the feedback is negative, against a fifth at the launch; answers that the log holds are not given anew."""
    rows = _following(5)
    rows["feedback"] = rows["feedback"].where(np.arange(len(rows)) % 3 != 0, rows["feedback"].replace("up", "down"))
    rows["prediction"] = rows["label"].fillna("positive")
    verdict = watch("tiny", *_week(live, 5, rows))
    assert (verdict.outcome, verdict.answers) == ("alert", "logged")
    assert _failed(verdict) == {"feedback"}
    assert _check(verdict, "production-accuracy").observed == 1


def test_a_window_without_requests_is_unmeasured(live: Live) -> None:
    """Nothing was logged: nothing is steady, and the one sentence says where it looked and what to do."""
    since, until = _span(30)
    verdict = watch("tiny", since, until)
    assert verdict.outcome == "unmeasured"
    assert {check.outcome for check in verdict.checks} == {"unmeasured"}
    (reason,) = verdict.reasons
    assert f"no request is logged in {live.log} from 2026-10-04 00:00 to 2026-10-11 00:00 UTC" in reason
    assert "find out why logging stopped, or give --since and --until" in reason


def test_what_cannot_be_watched_is_refused(live: Live, capfd: pytest.CaptureFixture[str]) -> None:
    """A model without a champion is one sentence and exit status 2; so are a window that is none, and a day that is none."""
    said = Command(capfd).refuses("watch", "nobody")
    assert said.startswith("the model nobody has no champion to watch; launch a candidate named nobody first")
    assert live.champion.model == "tiny"
    with pytest.raises(InputError, match="so it holds nothing; the launch's own window ended at 2026-03-08 00:00"):
        watch("tiny", "2026-03-10", "2026-03-10")
    with pytest.raises(InputError, match="--until is 'yesterday', which is no day or time in ISO 8601"):
        watch("tiny", until="yesterday")


def _span(week: int) -> tuple[str, str]:
    """Return the start and the end of a week after the launch's window, counted from 0."""
    start = AS_OF + week * WEEK
    return start.isoformat(), (start + WEEK).isoformat()


def _week(live: Live, week: int, rows: pd.DataFrame) -> tuple[str, str]:
    """Log a week's requests and return its span."""
    write_log(live.log, rows)
    return _span(week)


def _following(week: int) -> pd.DataFrame:
    """Return requests like those of the launch, spread over a week after it."""
    rows = _with_feedback(tiny_log(ROWS, seed=10 + week), seed=week)
    times = [AS_OF + week * WEEK + WEEK / ROWS * (row + 0.5) for row in range(ROWS)]
    return rows.assign(ts=pd.Series(times).dt.as_unit("us"))


def _with_feedback(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    words = np.where(draw.random(len(rows)) < 0.2, "down", "up").astype(object)
    return rows.assign(feedback=pd.Series(words).where(draw.random(len(rows)) < 0.3, None))


def _check(verdict: Watch, name: str) -> GateResult:
    return next(check for check in verdict.checks if check.gate == name)


def _failed(verdict: Watch) -> set[str]:
    return {check.gate for check in verdict.checks if check.outcome == "fail"}
