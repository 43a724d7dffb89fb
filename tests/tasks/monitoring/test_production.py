"""What a sample of the log shows: statuses, answers that the log holds or not, and words of feedback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.core.records import Columns
from tasks.data.traits import write_traits
from tasks.monitoring.production import compare_feedback, score_answers, tally_statuses

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Candidate, Serving
    from tasks.data.datasets import DataSets

COLUMNS = Columns(id="id", time="ts", label="label", input=("text",), status="status")
START = datetime(2026, 3, 1, tzinfo=UTC)


def test_statuses_are_counted_by_what_they_mean(tmp_path: Path) -> None:
    """Errors and timeouts failed; a word that is no status is neither failed nor answered; the last day is apart."""
    path = _sample(tmp_path, status=["ok", "OK", "error", "timeout", "abstained", None, "ok", "error"])
    found = tally_statuses(path, COLUMNS, START, START + timedelta(days=4))
    assert (found.overall.failed.events, found.overall.answered.events, found.overall.rows) == (3, 2, 8)
    assert (found.overall.abstained, found.overall.labelled) == (1, 0)
    assert found.last_day is not None
    assert (found.last_day.rows, found.last_day.errors) == (2, 1)
    assert tally_statuses(path, COLUMNS, START, START + timedelta(days=1)).last_day is None


def test_weights_say_what_share_failed(tmp_path: Path) -> None:
    """A request that stands for nine counts nine times."""
    path = _sample(tmp_path, status=["error", "ok"], sampling_weight=[9.0, 1.0])
    assert tally_statuses(path, COLUMNS, START, START + timedelta(hours=12)).overall.failed.value == pytest.approx(0.9)


def test_a_log_without_statuses_has_no_error_rate(tmp_path: Path) -> None:
    """No status is not no error."""
    with pytest.raises(StageError, match="column 'status', so none is known to have failed"):
        tally_statuses(_sample(tmp_path, status=[None, None]), COLUMNS, START, START + timedelta(days=7))


def test_feedback_is_read_in_the_words_of_services(tmp_path: Path) -> None:
    """Thumbs and signs are told apart, in any case; requests without feedback do not count."""
    now = _sample(tmp_path, feedback=["down", "Thumbs_Up", None, "up", "NEGATIVE"])
    before = _sample(tmp_path, "before", feedback=[1.0, -1.0, None, 1.0])
    found = compare_feedback(now, before, COLUMNS)
    assert (found.now.events, found.now.trials, found.rows) == (2, 4, 4)
    assert (found.launch.events, found.launch.trials, found.launch_rows) == (1, 3, 3)


def test_requests_of_one_user_count_as_few(tmp_path: Path) -> None:
    """Of statuses and feedback alike: a user whose calls all fail, and who says so each time, is one finding."""
    by_user, users = COLUMNS.model_copy(update={"cluster": "user"}), [f"u{row % 12}" for row in range(600)]
    bad = [user == "u0" for user in users]
    words = {
        "status": ["error" if each else "ok" for each in bad],
        "feedback": ["down" if each else "up" for each in bad],
    }
    path = _sample(tmp_path, **words, user=users)
    until = START + timedelta(days=400)
    for columns, most in ((by_user, 12), (COLUMNS, 600)):
        failed, heard = (
            tally_statuses(path, columns, START, until).overall.failed,
            compare_feedback(path, path, columns),
        )
        for share in (failed, heard.now, heard.launch):
            assert share.value == pytest.approx(1 / 12)
            assert most / 2 < share.trials <= most


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"feedback": [None, None]}, "no request of production since the launch has feedback"),
        ({}, "no request of production since the launch has feedback"),
        ({"feedback": ["up", "call 415-555-2671"]}, r"says 'call \[phone\]', which is neither negative"),
    ],
)
def test_feedback_that_says_nothing_is_no_result(tmp_path: Path, words: dict[str, Any], why: str) -> None:
    """A log without feedback, or with words of its own, has no share of negative ones; a quoted word is masked."""
    before = _sample(tmp_path, "before", feedback=["up", "down"])
    with pytest.raises(StageError, match=why):
        compare_feedback(_sample(tmp_path, **words or {"status": ["ok"]}), before, COLUMNS)


@pytest.mark.process
def test_answers_of_the_log_are_used_only_where_it_holds_them_all(
    tiny: Candidate, sets: DataSets, served: Serving, tmp_path: Path
) -> None:
    """Logged answers are scored as they are, failed requests as not right; with one missing, the variant answers anew."""
    rows = pd.read_parquet(sets.production)
    rows["status"] = np.where(np.arange(len(rows)) % 10 == 0, "error", "ok")
    rows["prediction"] = np.where(rows["status"] == "ok", rows["label"].fillna("positive"), None)
    sample = tmp_path / "production.parquet"
    rows.to_parquet(sample)
    write_traits(sample, tiny.columns)
    logged = score_answers(tiny, served, sample, tmp_path / "logged")
    assert logged.origin == "logged"
    failed = int((rows["label"].notna() & (rows["status"] == "error")).sum())
    assert logged.scores.overall.labelled - logged.scores.overall.correct == failed
    rows.loc[1, "prediction"] = None
    rows.to_parquet(sample)
    replayed = score_answers(tiny, served, sample, tmp_path / "replayed")
    assert replayed.origin == "replayed"
    assert replayed.scores.overall.errors == 0
    assert len(pd.read_parquet(tmp_path / "replayed" / "predictions-production.parquet")) == len(rows)


def _sample(folder: Path, name: str = "now", **columns: list[Any]) -> Path:
    """Write rows of twelve hours apart from `START` on."""
    rows = len(next(iter(columns.values())))
    times = [START + timedelta(hours=12 * row + 6) for row in range(rows)]
    path = folder / f"{name}.parquet"
    pd.DataFrame({"id": range(rows), "ts": pd.Series(times).dt.as_unit("us"), **columns}).to_parquet(path)
    return path
