"""How far production has moved: what is compared, the distances, and that they keep what their bounds promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from tasks.core.errors import StageError
from tasks.core.records import Columns
from tasks.data.drift import compare_columns, measure_drift, refer
from tasks.data.drift_features import comparable
from tasks.data.sampling.write import WEIGHT
from tasks.data.traits import write_traits
from tasks.statistics import distance_interval

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.evidence import DriftColumn

TEXT = Columns(id="id", time="ts", label="label", input=("text",), status="status", slices=("source",))
WORDS = [f"word{number}" for number in range(60)]


def messages(count: int, seed: int, words: list[str] = WORDS, longest: int = 9) -> pd.DataFrame:
    """Return rows of random words with a label."""
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(words, random.integers(3, longest))) for _ in range(count)]
    return pd.DataFrame({"text": texts, "label": random.choice(["bad", "good"], count), "source": "shop"})


def moved(evaluation: pd.DataFrame, production: pd.DataFrame, folder: Path, columns: Columns) -> dict[str, DriftColumn]:
    """Return how far each column has moved, through the files."""
    paths = {}
    for name, rows in (("evaluation", evaluation), ("production", production)):
        paths[name] = folder / f"{name}.parquet"
        rows.to_parquet(paths[name], index=False)
    traits = (write_traits(paths[name], columns) for name in ("production", "evaluation"))
    found = measure_drift(paths["production"], paths["evaluation"], columns, *traits)
    return {column.column: column for column in found.columns}


def tabular(**given: Any) -> tuple[pd.DataFrame, Columns]:
    """Return rows of these inputs with a whole-number label, and their columns."""
    rows = pd.DataFrame(given)
    columns = Columns(id="key", time="at", label="delayed", input=tuple(given), status="state")
    return rows.assign(delayed=np.arange(len(rows)) % 2), columns


def test_messages_of_the_same_kind_have_hardly_moved(tmp_path: Path) -> None:
    """Length, language, format, unknown words and labels are compared, and chance alone makes small distances."""
    found = moved(messages(600, 1), messages(2000, 2), tmp_path, TEXT)
    assert list(found) == [
        "characters of text", "percent of unknown words of text", "language of text", "format of text", "label",
    ]  # fmt: skip
    for column in found.values():
        assert (
            distance_interval(
                column.distance, column.evaluation_rows, column.production_effective_rows, 0.95, column.excess
            ).low
            == 0
        )
    assert found["characters of text"].kind == "numbers"
    assert found["label"].kind == "categories"


def test_longer_inputs_are_seen_and_said(tmp_path: Path) -> None:
    """Texts ten times as long share no length with those before."""
    rows = messages(600, 1)
    found = moved(rows, rows.assign(text=[" ".join([text] * 10) for text in rows["text"]]), tmp_path, TEXT)
    length = found["characters of text"]
    assert length.distance > 0.95
    assert length.moved[0].evaluation_share - length.moved[0].production_share == pytest.approx(length.distance)
    assert found["percent of unknown words of text"].distance == pytest.approx(0, abs=0.05)


def test_new_words_are_seen(tmp_path: Path) -> None:
    """Half of the requests speak of something that the evaluation set never does."""
    new = messages(1000, 3, [f"other{number}" for number in range(60)])
    found = moved(messages(600, 1), pd.concat([messages(1000, 2), new]), tmp_path, TEXT)
    assert found["percent of unknown words of text"].distance == pytest.approx(0.5, abs=0.05)


def test_rare_words_of_a_small_evaluation_set_are_no_shift(tmp_path: Path) -> None:
    """A text of the evaluation set is held against the others of it, so that new words are as many on both sides."""
    many = [f"w{number}" for number in range(5000)]
    found = moved(messages(200, 1, many), messages(2000, 2, many), tmp_path, TEXT)
    unknown = found["percent of unknown words of text"]
    assert distance_interval(unknown.distance, 200, 2000, 0.95).low == 0


def test_rows_count_by_their_weight(tmp_path: Path) -> None:
    """A slice that was drawn ten times as often as it comes says no more than its share."""
    rare = messages(1000, 3).assign(label="good", **{WEIGHT: 0.1})
    common = messages(1000, 2).assign(label="bad", **{WEIGHT: 1.0})
    evaluation = messages(1100, 1).assign(label=["good"] * 100 + ["bad"] * 1000)
    label = moved(evaluation, pd.concat([rare, common]), tmp_path, TEXT)["label"]
    assert label.distance == pytest.approx(0, abs=1e-9)
    assert 1000 < label.production_effective_rows < 2000


def test_tabular_inputs_are_compared_as_what_they_hold(tmp_path: Path) -> None:
    """Numbers by their order, few values and texts that repeat as categories, booleans too; labels in any number type."""
    random = np.random.default_rng(0)
    rows, columns = tabular(
        distance=random.normal(500, 100, 900),
        carrier=random.choice(["UA", "AA", "B6"], 900),
        month=random.integers(1, 3, 900),
        weekend=random.random(900) < 0.3,
    )
    later = rows.assign(
        distance=rows["distance"] + 200,
        month=rows["month"] + 6,
        delayed=rows["delayed"].astype(float).where(random.random(900) < 0.5),
    )
    found = moved(rows, later, tmp_path, columns)
    assert {name: column.kind for name, column in found.items()} == {
        "distance": "numbers", "carrier": "categories", "month": "categories", "weekend": "categories",
        "delayed": "categories",
    }  # fmt: skip
    assert found["distance"].distance == pytest.approx(0.68, abs=0.05)
    assert (found["month"].distance, found["carrier"].distance, found["weekend"].distance) == (1, 0, 0)
    assert found["month"].moved[0].value.startswith("others, such as ")
    assert found["delayed"].distance < 0.1
    assert 400 < found["delayed"].production_rows < 500


def test_missing_values_are_a_shift_of_their_own(tmp_path: Path) -> None:
    """A third of the numbers gone is a distance of a third, and said."""
    rows, columns = tabular(amount=np.random.default_rng(0).normal(size=900))
    found = moved(rows, rows.assign(amount=rows["amount"].where(np.arange(900) % 3 > 0)), tmp_path, columns)
    assert found["amount"].distance == pytest.approx(1 / 3)
    assert found["amount"].moved[0].value == "(missing)"


def test_texts_that_are_missing_are_said_to_be(tmp_path: Path) -> None:
    """A log that lacks the text has moved altogether, and so it says; an empty text is one of no characters."""
    rows = messages(300, 1)
    found = moved(rows, rows.assign(text=pd.Series([None] * 300, dtype=object)), tmp_path, TEXT)["characters of text"]
    assert (found.distance, found.moved[0].value, found.moved[0].production_share) == (1, "(missing)", 1)
    found = moved(rows, rows.assign(text=""), tmp_path, TEXT)["characters of text"]
    assert (found.distance, found.moved[0].value.startswith("under ")) == (1, True)


def test_one_number_that_became_another_is_seen(tmp_path: Path) -> None:
    """A column with one value throughout, and another one now, has nothing in common with itself."""
    values = np.arange(900.0)
    rows, columns = tabular(a=np.where(values < 500, 5.0, values), b=np.full(900, 5.0))
    found = moved(rows, rows.assign(a=np.where(values < 500, 4.0, values), b=4.0), tmp_path, columns)
    assert found["a"].distance == pytest.approx(500 / 900)
    assert found["b"].distance == 1


def test_lists_are_compared_by_length_and_mean(tmp_path: Path) -> None:
    """Token ids or a vector: whichever says something."""
    rows, columns = tabular(ids=[[1.0] * (1 + row % 7) for row in range(300)])
    found = moved(rows, rows.assign(ids=[[9.0] * (1 + row % 7) for row in range(300)]), tmp_path, columns)
    assert (found["length of ids"].distance, found["mean of ids"].distance) == (0, 1)


def test_images_are_compared_by_size_brightness_and_contrast(tmp_path: Path) -> None:
    """A camera that is darker, one that is duller, and one of another size show in one each."""
    image = np.where(np.arange(64).reshape(8, 8) % 2, 180, 20)
    rows, columns = tabular(pixels=[(image + row % 50).tolist() for row in range(300)])

    def distances(change: Callable[[Any], np.ndarray]) -> tuple[float, ...]:
        live = rows.assign(pixels=[change(np.array(value)).tolist() for value in rows["pixels"]])
        found = moved(rows, live, tmp_path, columns)
        return tuple(found[f"{what} of pixels"].distance for what in ("size", "brightness", "contrast"))

    assert distances(lambda given: given) == (0, 0, 0)
    assert distances(lambda given: given // 4)[:2] == (0, 1)
    assert distances(lambda given: (given - given.mean()) / 2 + given.mean())[::2] == (0, 1)
    assert distances(lambda given: np.tile(given, (2, 1)))[0] == 1
    assert distances(lambda given: given[0])[0] == 1


def test_values_of_another_kind_are_a_shift() -> None:
    """Numbers that are logged as text are not the numbers that they were."""
    rows, columns = tabular(amount=np.arange(300.0))
    both = comparable(rows, rows.assign(amount=rows["amount"].astype(str)), columns)["amount"]
    assert compare_columns(refer("amount", both.evaluation), both.production).distance == 1


def test_labels_that_have_not_come_are_no_rows(tmp_path: Path) -> None:
    """Nothing is said of labels without any."""
    rows = messages(300, 1)
    found = moved(rows, rows.assign(label=pd.Series([None] * 300, dtype=object)), tmp_path, TEXT)
    assert (found["label"].production_rows, found["label"].distance) == (0, 0)


@pytest.mark.parametrize("change", [lambda rows: rows.drop(columns="text"), lambda rows: rows.head(0)])
def test_a_sample_without_rows_or_an_input_is_not_measured(change: Any, tmp_path: Path) -> None:
    """It says which."""
    with pytest.raises(StageError, match="the production sample has no"):
        moved(messages(300, 1), change(messages(300, 2)), tmp_path, TEXT)


@pytest.mark.parametrize("sizes", [(300, 3000), (1000, 1000)])
@pytest.mark.parametrize("shift", ["none", "some"])
@pytest.mark.parametrize("kind", ["few categories", "many categories", "numbers", "whole numbers"])
def test_bounds_hold_as_often_as_they_say(kind: str, shift: str, sizes: tuple[int, int]) -> None:
    """Of 100 pairs of samples from known distributions, both bounds of the distance hold 95 times in a hundred."""
    random = np.random.default_rng(5)
    count = {"few categories": 3, "many categories": 25, "numbers": 5000, "whole numbers": 40}[kind]
    a = random.dirichlet(np.full(count, 2.0)) if "categories" in kind else np.full(count, 1 / count)
    b = a.copy()
    if shift == "some":
        half = count // 2 + 1
        b[:half] *= 0.6
        b[half:] *= (1 - b[:half].sum()) / b[half:].sum()
    true = np.abs(a - b).sum() / 2 if "categories" in kind else np.abs(np.cumsum(a - b)).max()
    low = high = 0
    for _ in range(100):
        one, other = (random.choice(count, size, p=p) for size, p in zip(sizes, (a, b), strict=True))
        columns = [
            pd.Series(each).map(str) if "categories" in kind else pd.Series(each.astype(float)) for each in (one, other)
        ]
        found = compare_columns(refer("x", columns[0]), columns[1])
        bounds = distance_interval(found.distance, *sizes, 0.95, found.excess)
        low, high = low + (bounds.low <= true + 1e-9), high + (bounds.high >= true - 1e-9)
    assert min(low, high) >= 100 * 0.95 - 2 * (100 * 0.95 * 0.05) ** 0.5


def test_a_cluster_counts_as_one_row() -> None:
    """A word that is asked ninety times moves the distance as one request does; ten others weigh one each."""
    values = pd.Series(["a"] * 90 + ["b"] * 10)
    found = compare_columns(
        refer("word", values), values, None, np.concatenate([np.zeros(90, dtype=int), np.arange(1, 11)])
    )
    assert found.production_rows == 100
    assert found.production_effective_rows == pytest.approx(100**2 / (90**2 + 10))
