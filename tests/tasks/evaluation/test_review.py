"""The requests to read: of every kind, drawn alike each time, masked, whatever the columns hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.records import Columns
from tasks.core.settings import Reviewing
from tasks.evaluation.review import ReviewRow, draw_review, read_review

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evidence import ReviewEvidence, ReviewKind

ROWS = 2000
COLUMNS = Columns(id="request_id", time="ts", label="label", input=("text",), status="status", slices=("source",))
REVIEWING = Reviewing(rows=60, share=0.01, raw_text=False)
START = pd.Timestamp("2026-01-01", tz="UTC")


def sample(rows: int = ROWS, **columns: Any) -> pd.DataFrame:
    """Return a production sample with some columns replaced, or left out where they are None."""
    number = np.arange(rows)
    parts: dict[str, Any] = {
        "request_id": [f"r{at:05d}" for at in number],
        "ts": START + pd.to_timedelta(number, unit="min"),
        "text": [f"message {at} of @user{at}" for at in number],
        "label": np.where(number % 3 == 0, None, np.where(number % 2, "good", "bad")),
        "source": np.where(number % 10 == 0, "app", "web"),
        "status": "ok",
        "sampling_weight": 1.0,
    } | columns
    return pd.DataFrame({name: values for name, values in parts.items() if values is not None})


def answers(rows: pd.DataFrame, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """Return what `score` saves of a model that says good to all, with some columns replaced."""
    confidence = np.random.default_rng(seed).uniform(0.5, 1, len(rows))
    label = [None if pd.isna(value) else str(value) for value in rows.get("label", pd.Series([None] * len(rows)))]
    parts = {
        "prediction": "good",
        "confidence": confidence,
        "outcome": "answered",
        "why": None,
        "id": rows["request_id"],
        "label": pd.Series(label, dtype=object),
        "right": [value == "good" for value in label],
        "weight": rows["sampling_weight"],
        "slice_source": rows.get("source"),
    } | columns
    return pd.DataFrame({name: values for name, values in parts.items() if values is not None or name == "why"})


def drawn(
    folder: Path,
    rows: pd.DataFrame,
    reviewing: Reviewing = REVIEWING,
    columns: Columns = COLUMNS,
    **tables: pd.DataFrame,
) -> tuple[ReviewEvidence, list[ReviewRow]]:
    """Return the evidence of a draw, and the requests; by default of the variants fp32 and int8."""
    rows.to_parquet(folder / "production.parquet", index=False)
    tables = tables or {"fp32": answers(rows), "int8": answers(rows, seed=1)}
    files = {}
    for name, table in tables.items():
        files[name] = folder / f"{name}.parquet"
        table.to_parquet(files[name], index=False)
    out = folder / "review.jsonl"
    evidence = draw_review(folder / "production.parquet", columns, files, reviewing, 7, out)
    return evidence, read_review(out)


def kinds(evidence: ReviewEvidence, kind: str) -> dict[str, ReviewKind]:
    """Return the counts of one kind, by what it is of."""
    return {each.of: each for each in evidence.kinds if each.kind == kind}


def test_every_kind_is_drawn(tmp_path: Path) -> None:
    """Random, unsure and wrong answers of each variant, and every slice, at least as many requests as asked."""
    evidence, rows = drawn(tmp_path, sample())
    assert evidence.sample_rows == ROWS
    assert evidence.rows == len(rows) == evidence.readable_rows >= 60
    assert {row.id for row in rows} == {row.id for row in rows if row.why}
    assert len({row.id for row in rows}) == len(rows)
    assert set(kinds(evidence, "low confidence")) == set(kinds(evidence, "confident error")) == {"fp32", "int8"}
    assert set(kinds(evidence, "slice")) == {"source=app", "source=web"}
    for kind in evidence.kinds:
        name = {"random": "random", "slice": kind.of}.get(kind.kind, f"{kind.kind} of {kind.of}")
        assert sum(name in row.why for row in rows) == kind.picked >= 6
    assert evidence.raw.sha256 == digest(tmp_path / "review.jsonl")


def test_what_was_drawn_is_what_it_is_called(tmp_path: Path) -> None:
    """Unsure ones are the least confident of all, confident errors wrong and surer than most."""
    production = sample()
    table = answers(production)
    _, rows = drawn(tmp_path, production, fp32=table)
    lowest = set(table.nsmallest(12, "confidence")["id"])
    assert {row.id for row in rows if "low confidence of fp32" in row.why} == lowest
    errors = [row.answers[0] for row in rows if "confident error of fp32" in row.why]
    assert len(errors) == 12
    assert all(answer.right is False and (answer.confidence or 0) > 0.9 for answer in errors)
    assert all(row.label == "bad" for row in rows if "confident error of fp32" in row.why)


def test_the_same_launch_draws_the_same(tmp_path: Path) -> None:
    """Equal inputs give an equal file."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert drawn(tmp_path / "one", sample())[0] == drawn(tmp_path / "two", sample())[0]


def test_random_ones_stand_for_the_log(tmp_path: Path) -> None:
    """A slice that was drawn ten times too often, and weighs a tenth, is seldom among the random ones."""
    often = np.arange(ROWS) % 2 == 0
    production = sample(source=np.where(often, "rare", "web"), sampling_weight=np.where(often, 0.1, 1.0))
    _, rows = drawn(tmp_path, production, Reviewing(rows=1000, share=0.01, raw_text=False), fp32=answers(production))
    random = [row for row in rows if "random" in row.why]
    rare = sum(int(str(row.id)[1:]) % 2 == 0 for row in random) / len(random)
    assert len(random) >= 400
    assert 0.05 < rare < 0.2


def test_a_share_of_a_large_sample_is_drawn(tmp_path: Path) -> None:
    """One in ten of 2,000 is more than 60."""
    evidence, _ = drawn(tmp_path, sample(), Reviewing(rows=60, share=0.1, raw_text=False))
    assert evidence.rows >= 200


@pytest.mark.parametrize("size", [1, 2, 7, 59])
def test_a_short_log_is_drawn_whole(tmp_path: Path, size: int) -> None:
    """Fewer requests than asked are all read."""
    evidence, rows = drawn(tmp_path, sample(size))
    assert evidence.rows == len(rows) == size


def test_personal_data_is_masked_unless_the_policy_shows_it(tmp_path: Path) -> None:
    """Texts, feedback, labels and ids; raw where raw_text is set."""
    production = sample(
        80,
        text="ask jane@example.com or @jane",
        feedback="call 415-555-2671",
        request_id=[f"u{n}@x.org" for n in range(80)],
    )
    evidence, rows = drawn(tmp_path, production, fp32=answers(production))
    assert evidence.masked
    assert {(row.id, row.inputs["text"], row.feedback) for row in rows} == {
        ("[email]", "ask [email] or [handle]", "call [phone]")
    }
    raw, rows = drawn(tmp_path, production, Reviewing(rows=60, share=0.01, raw_text=True), fp32=answers(production))
    assert not raw.masked
    assert {row.inputs["text"] for row in rows} == {"ask jane@example.com or @jane"}


def test_texts_that_masking_empties_are_not_readable(tmp_path: Path) -> None:
    """They are shown, and not counted."""
    texts = ["@a @b" if at % 2 else "hello @a" for at in range(100)]
    production = sample(100, text=texts)
    evidence, rows = drawn(tmp_path, production, fp32=answers(production))
    assert evidence.readable_rows == sum("hello" in str(row.inputs["text"]) for row in rows) < evidence.rows


@pytest.mark.parametrize(
    ("columns", "names", "shown"),
    [
        ({"amount": 12.5, "count": 3}, ("amount", "count"), {"amount": "12.5", "count": "3"}),
        ({"flag": True, "phone": 4155552671}, ("flag", "phone"), {"flag": "True", "phone": "[phone]"}),
        ({"gap": [1.0, np.nan] * 100}, ("gap",), {"gap": "1"}),
        ({"words": [["a", "b@example.com"]] * 200}, ("words",), {"words": '["a","[email]"]'}),
        ({"tokens": [[1, 2, 3_000_000]] * 200}, ("tokens",), {"tokens": "[1,2,3000000]"}),
        ({"form": '{"to": "@jane", "amount": 0.4111111111111111}'}, ("form",), {"form": '{"to":"[handle]","amount":0.4111111111111111}'}),
        ({"when": pd.Timestamp("2026-02-03 04:05:06")}, ("when",), {"when": "2026-02-03T04:05:06"}),
    ],
)  # fmt: skip
def test_inputs_of_any_kind_are_read(
    tmp_path: Path, columns: dict[str, Any], names: tuple[str, ...], shown: dict[str, str]
) -> None:
    """Numbers, booleans, lists, objects and times are written as a person reads them, and no text column is needed."""
    production = sample(200, text=None, **columns)
    given = Columns(id="request_id", time="ts", label="label", input=names, status="status")
    evidence, rows = drawn(tmp_path, production, columns=given, fp32=answers(production, slice_source=None))
    assert shown in [row.inputs for row in rows]
    assert evidence.readable_rows >= evidence.rows / 3
    assert not kinds(evidence, "slice")


@pytest.mark.parametrize("raw_text", [False, True])
def test_an_image_is_drawn(tmp_path: Path, raw_text: bool) -> None:
    """In a few lines that a person can read, as it was logged or read from Parquet."""
    image = np.zeros((8, 8), dtype=int)
    image[:, 4:] = 255
    production = sample(100, text=None, pixels=[image.tolist()] * 100)
    given = Columns(id="request_id", time="ts", label="label", input=("pixels",), status="status")
    evidence, rows = drawn(
        tmp_path,
        production,
        columns=given,
        reviewing=REVIEWING.model_copy(update={"raw_text": raw_text}),
        fp32=answers(production, slice_source=None),
    )
    assert evidence.readable_rows == evidence.rows
    shown = "\n".join(["image of 8 x 8, 0 to 255", *[8 * "\u2591" + 8 * "\u2588"] * 8])
    assert {row.inputs["pixels"] for row in rows} == {shown}


def test_missing_values_are_said_and_not_drawn_around(tmp_path: Path) -> None:
    """A request without text, time or id is as likely to be drawn as any, and counts as nothing to read."""
    half = np.arange(ROWS) % 2 == 0
    production = sample(
        text=np.where(half, None, "fine"),
        ts=pd.Series([START, None] * (ROWS // 2)),
        request_id=np.where(half, None, "r"),
    )
    evidence, rows = drawn(tmp_path, production, fp32=answers(production))
    assert 0 < evidence.readable_rows < evidence.rows
    assert {row.inputs["text"] for row in rows} == {None, "fine"}
    assert {row.id for row in rows} == {None, "r"}
    assert None in {row.time for row in rows}


def test_integer_labels_with_gaps_are_whole_numbers(tmp_path: Path) -> None:
    """A label of 1.0 is 1."""
    production = sample(100, label=[1.0, np.nan] * 50)
    _, rows = drawn(tmp_path, production, fp32=answers(production, label=["1.0", None] * 50, right=True))
    assert {row.label for row in rows} == {"1", None}
    assert {row.answers[0].right for row in rows} == {True, None}


def test_without_labels_there_are_no_errors_to_show(tmp_path: Path) -> None:
    """None are eligible, and others make up the number."""
    production = sample(label=pd.Series([None] * ROWS, dtype=object))
    evidence, _ = drawn(tmp_path, production)
    assert {kind.eligible for kind in kinds(evidence, "confident error").values()} == {0}
    assert evidence.rows >= 60


@pytest.mark.parametrize("confidence", [1.0, np.nan])
def test_equal_confidences_have_no_low_end(tmp_path: Path, confidence: float) -> None:
    """Where every answer is as sure as any, none is called unsure; where none has a confidence, no error is sure."""
    production = sample()
    evidence, _ = drawn(tmp_path, production, fp32=answers(production, confidence=confidence))
    assert kinds(evidence, "low confidence")["fp32"].eligible == 0
    assert (kinds(evidence, "confident error")["fp32"].eligible > 0) == (confidence == 1.0)
    assert evidence.rows == 60


def test_requests_without_an_answer_are_shown_as_such(tmp_path: Path) -> None:
    """All exceptions: nothing is unsure or confidently wrong, and what is shown says exception."""
    production = sample()
    table = answers(production, prediction=None, confidence=np.nan, outcome="exception", right=False)
    table["prediction"] = None
    evidence, rows = drawn(tmp_path, production, fp32=table)
    assert {row.answers[0].outcome for row in rows} == {"exception"}
    assert {row.answers[0].prediction for row in rows} == {None}
    assert evidence.rows == 60


def test_a_column_of_many_values_is_not_drawn(tmp_path: Path) -> None:
    """It is named with how many values it has; a column beside it is drawn."""
    production = sample()
    table = answers(production, slice_page=[f"p{at % 400}" for at in range(ROWS)])
    evidence, rows = drawn(tmp_path, production, fp32=table)
    assert kinds(evidence, "slice")["page (400 values)"].picked == 0
    assert kinds(evidence, "slice")["source=app"].picked >= 2
    assert len(rows) < 100


def test_answers_to_other_rows_are_refused(tmp_path: Path) -> None:
    """Positions would be those of other requests."""
    with pytest.raises(StageError, match="the answers of fp32 are not to the rows of"):
        drawn(tmp_path, sample(), fp32=answers(sample(10)))


def test_without_answers_there_is_nothing_to_read(tmp_path: Path) -> None:
    """No variant came far enough."""
    sample().to_parquet(tmp_path / "production.parquet")
    with pytest.raises(StageError, match="nothing to read"):
        draw_review(tmp_path / "production.parquet", COLUMNS, {}, REVIEWING, 7, tmp_path / "review.jsonl")


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """Each line is a JSON object; no file gives no requests, and another file is refused."""
    _, rows = drawn(tmp_path, sample())
    lines = (tmp_path / "review.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["id"] for line in lines] == [row.id for row in rows]
    assert read_review(tmp_path / "none.jsonl") == []
    (tmp_path / "other.jsonl").write_text("{}\n")
    with pytest.raises(StageError, match="does not hold requests to read"):
        read_review(tmp_path / "other.jsonl")
