"""The stage that answers perturbed rows, on the tiny candidate's real graph, and on adapters that break."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.evaluation.robustness.measure import _equal_rows, measure_robustness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets
    from tasks.evidence import Perturbed, RobustnessEvidence

pytestmark = pytest.mark.process


Ask = "Callable[..., RobustnessEvidence]"


def before_encode(code: str) -> tuple[str, str]:
    """Return the change of the tiny adapter that runs `code` on the rows first."""
    return ("    texts = [text if", f"    {code}\n    texts = [text if")


VECTORS = '''"""Three numbers and a flag: the sign of their sum, as an integer."""

import numpy as np
import pandas as pd


def build(checkpoint):
    raise NotImplementedError


def encode(rows):
    vectors = [np.zeros(3) if vector is None else np.asarray(vector, dtype=np.float64) for vector in rows["vector"]]
    if any(vector.shape != (3,) for vector in vectors):
        raise ValueError("three numbers, please")
    return {"x": np.nan_to_num(np.stack(vectors)), "flag": np.array([flag is True for flag in rows["flag"]])}


def infer(run, batch):
    return {"sum": batch["x"].sum(axis=1) + batch["flag"]}


def decode(outputs):
    return pd.DataFrame({"prediction": (outputs["sum"] > 0).astype(int), "confidence": np.full(len(outputs["sum"]), 0.9)})
'''


@pytest.fixture
def ask(sets: DataSets, measuring: Measuring, tmp_path: Path) -> Ask:
    """Return a call of the stage on 60 rows."""

    def call(serving: Serving, seconds: float = 60, rows: Path | None = None) -> RobustnessEvidence:
        budget = measuring.model_copy(update={"robustness_rows": 60, "robustness_seconds": seconds})
        return measure_robustness(serving, rows or sets.production, "label", budget, 0, tmp_path / "variants" / "fp32")

    return call


def kinds(found: RobustnessEvidence) -> dict[str, Perturbed]:
    """Return the perturbations by name."""
    return {kind.kind: kind for kind in found.kinds}


def test_a_sound_model_answers_everything(served: Serving, ask: Ask, tmp_path: Path) -> None:
    """No input crashes, and what the adapter undoes turns no answer."""
    found = ask(served)
    by = kinds(found)
    assert {
        kind.kind for kind in found.kinds if kind.traffic and kind.crashes + kind.malformed + kind.non_finite
    } == set()
    assert (found.rows, found.not_reached, found.columns_left_out) == (60, (), 0)
    assert by["other case"].against_original is not None
    assert (by["other case"].rows, by["other case"].against_original.flips) == (60, 0)
    assert by["typo in a word"].rows == 0  # its words have one letter
    assert by["empty"].mean_confidence is not None
    assert by["far too long"].rows == 4
    raw = tmp_path / found.raw.path
    lines = [orjson.loads(line) for line in raw.read_bytes().splitlines()]
    assert (digest(raw), len(lines)) == (found.raw.sha256, found.raw.rows)
    assert len(lines) == sum(kind.rows for kind in found.kinds)
    assert [path.name for path in raw.parent.glob(".*")] == []


def test_a_crash_is_counted_where_the_log_has_no_such_input(other: Callable[..., Serving], ask: Ask) -> None:
    """An encoder that raises on an empty text shows it, with the text and the reason; others stay whole."""
    by = kinds(ask(other(before_encode("assert (rows['text'].astype(object) != '').all(), 'nothing to read'"))))
    assert by["empty"].crashes == by["empty"].rows > 0
    assert "text='': encode raised AssertionError: nothing to read" in str(by["empty"].example)
    assert by["markup"].crashes == by["other case"].crashes == 0


def test_flips_and_lost_accuracy_are_counted(other: Callable[..., Serving], ask: Ask) -> None:
    """A model that reads capitals as nothing answers them all alike."""
    change = ("word in text.split()", "word in text.split() if word[0] == 'w'")
    tally = kinds(ask(other(change)))["other case"].against_original
    assert tally is not None
    assert tally.flips > 10
    assert tally.baseline_only.events > 5
    assert tally.labelled > 40


def test_an_abstention_is_no_crash(other: Callable[..., Serving], ask: Ask) -> None:
    """It is how an adapter refuses on purpose."""
    change = ('"prediction": LABELS[chance.argmax(axis=1)]', '"prediction": None')
    by = kinds(ask(other(change)))
    assert (by["empty"].abstained, by["empty"].crashes) == (by["empty"].rows, 0)


def test_a_hang_is_evidence(other: Callable[..., Serving], ask: Ask) -> None:
    """The kind that hung is named, with those before it counted and those behind it not reached."""
    found = ask(other(before_encode("while any('<b>' in str(text) for text in rows['text']): pass")), seconds=12)
    by = kinds(found)
    assert "was not done after 12 s" in str(by["markup"].stopped)
    assert by["empty"].stopped is None
    assert "far too long, text" in found.not_reached


def test_a_process_that_dies_is_evidence(other: Callable[..., Serving], ask: Ask) -> None:
    """So is one that is killed, for its memory say."""
    code = "import os\n    if rows['text'].astype(object).map(lambda text: len(str(text))).max() > 250: os.kill(os.getpid(), 9)"
    by = kinds(ask(other(before_encode(code))))
    assert "SIGKILL" in str(by["far too long"].stopped)


def test_a_model_that_answers_nothing_has_no_result(other: Callable[..., Serving], ask: Ask) -> None:
    """It is not the perturbations that fail there."""
    with pytest.raises(StageError, match="never"):
        ask(other(before_encode("assert False, 'never'")))


def test_a_sample_without_rows_has_no_result(served: Serving, ask: Ask, sets: DataSets, tmp_path: Path) -> None:
    """There is nothing to perturb."""
    path = tmp_path / "empty.parquet"
    pd.read_parquet(sets.production).head(0).to_parquet(path)
    with pytest.raises(StageError, match="no row"):
        ask(served, rows=path)


def test_time_that_runs_out_is_said(other: Callable[..., Serving], ask: Ask) -> None:
    """A slow model's later kinds are named as not tried."""
    found = ask(other(before_encode("import time\n    time.sleep(0.3)")), seconds=12)
    assert found.not_reached
    assert all(kind.stopped is None for kind in found.kinds)


def test_rows_are_equal_to_the_bit() -> None:
    """Minus zero is not zero, another width is another batch, and a row is equal in all arrays or not at all."""
    one = {"a": np.array([[0.0], [1.0]]), "b": np.array([1, 2])}
    assert _equal_rows(one, {"a": np.array([[-0.0], [1.0]]), "b": np.array([1, 2])}, 2).tolist() == [False, True]
    assert _equal_rows(one, {"a": np.zeros((2, 2)), "b": np.array([1, 2])}, 2).tolist() == [False, False]
    assert _equal_rows(one, {"a": one["a"], "b": np.array([1, 3])}, 2).tolist() == [True, False]


def test_lists_flags_and_integer_labels_are_perturbed_too(served: Serving, ask: Ask, tmp_path: Path) -> None:
    """Without a text column; a list of another length is refused by what an interface checks, and told apart."""
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(50, 3))
    labels = pd.Series((vectors.sum(axis=1) > 0).astype(float)).where(draw.random(50) < 0.7)
    rows = pd.DataFrame({"vector": list(vectors), "flag": draw.random(50) < 0.5, "label": labels})
    rows.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "adapter.py").write_text(VECTORS, encoding="utf-8")
    found = ask(
        served.model_copy(update={"folder": tmp_path, "input_columns": ("vector", "flag")}),
        rows=tmp_path / "rows.parquet",
    )
    by = {(kind.kind, kind.column): kind for kind in found.kinds}
    noise = by["noise", None]
    assert noise.against_original is not None
    assert (noise.rows, noise.against_original.labelled) == (50, int(labels.notna().sum()))
    assert {kind.kind for kind in found.kinds if kind.traffic and kind.crashes} == set()
    short = by["list cut short", "vector"]
    assert (short.crashes, short.traffic) == (short.rows, False)
    assert by["missing", "flag"].rows > 0
    assert sum(kind.rows for kind in found.kinds if kind.traffic) >= 90


def test_of_many_columns_some_are_tried_and_the_others_counted(served: Serving, ask: Ask, tmp_path: Path) -> None:
    """A wide table does not take hours, and what was left out is said."""
    names = [f"c{index}" for index in range(40)]
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 40)), columns=names).assign(label=1)
    rows.to_parquet(tmp_path / "wide.parquet")
    text = VECTORS.partition("def encode")[0] + (
        'def encode(rows):\n    return {"x": np.nan_to_num(rows.to_numpy(dtype=np.float64), posinf=9, neginf=-9)}\n\n\n'
    )
    text += "def infer" + VECTORS.partition("def infer")[2].replace(' + batch["flag"]', "")
    (tmp_path / "adapter.py").write_text(text, encoding="utf-8")
    found = ask(
        served.model_copy(update={"folder": tmp_path, "input_columns": tuple(names)}), rows=tmp_path / "wide.parquet"
    )
    assert found.columns_left_out == 8
    assert len({kind.column for kind in found.kinds if kind.kind == "missing"}) == 32
    assert sum(kind.crashes + kind.non_finite for kind in found.kinds if kind.traffic) == 0


def test_production_rows_that_hold_missing_values_are_drawn(other: Callable[..., Serving], ask: Ask, tmp_path: Path, sets: DataSets) -> None:  # fmt: skip
    """A log in which every row lacks something can be perturbed all the same."""
    rows = pd.read_parquet(sets.production).head(40)
    rows.assign(text=rows["text"].where(np.arange(40) % 2 == 0, None)).to_parquet(tmp_path / "gaps.parquet")
    found = kinds(ask(other(), rows=tmp_path / "gaps.parquet"))
    assert found["other case"].rows == 20
    assert found["missing"].rows < 40
