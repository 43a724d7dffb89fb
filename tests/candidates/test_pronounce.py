"""The pronounce candidate answers as g2p-en does, beside any neighbours, and its data keeps the two sides apart."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pronounce_data
import pytest
import torch
from package_cache import fetch
from pronounce_dictionary import NEWER, OLDER, parse, read_newer, read_older, word_key
from pronounce_log import AS_OF, DAYS, SCHEMA, write_log
from pyarrow import parquet
from support.example_candidates import CANDIDATES

from tasks.core.files import digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    Arrays = dict[str, np.ndarray]
    Run = Callable[[str, Arrays], Arrays]

FOLDER = CANDIDATES / "pronounce"
ODD_WORDS = [
    None,
    float("nan"),
    7,
    "",
    " \t\n",
    "...",
    "24",
    "\x00",
    "half \ud800",
    "👍🏽" * 300,
    "x" * 100_000,
    "'" * 60,
]
ODD_WORDS += [
    "a",
    "Ünïcödé",
    "ﷺ\u202e",
    "e\u0301" * 500,
    "thisiswhyimovedtocalifornia",
    "New York",
    "İstanbul",
    "don't",
]


def run_prepare() -> str:
    """Run the candidate's prepare.py as a user does and return what it printed."""
    command = [sys.executable, str(FOLDER / "prepare.py")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def load(name: str) -> ModuleType:
    """Return a module of the candidate, loaded from its file."""
    spec = importlib.util.spec_from_file_location(f"pronounce_{name}", FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of the candidate's data, prepared."""
    run_prepare()
    return pronounce_data.FOLDER


@pytest.fixture(scope="session")
def adapter(data: Path) -> ModuleType:
    """Return the adapter of the prepared candidate."""
    assert data.is_dir()
    return load("adapter")


@pytest.fixture(scope="session")
def run(adapter: ModuleType) -> Run:
    """Return a function that calls one of the candidate's torch modules with arrays."""
    graphs = adapter.build(adapter.CHECKPOINT)

    def call(graph: str, inputs: Arrays) -> Arrays:
        with torch.inference_mode():
            outputs = graphs[graph](**{name: torch.from_numpy(array) for name, array in inputs.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return call


@pytest.fixture(scope="session")
def evaluation(data: Path) -> pd.DataFrame:
    """Return the evaluation set."""
    return pd.read_parquet(data / "evaluation.parquet")


@pytest.fixture(scope="session")
def older(data: Path) -> dict[str, str]:
    """Return the older dictionary."""
    assert data.is_dir()
    return read_older(fetch(OLDER)[0])


@pytest.fixture(scope="session")
def newer(data: Path) -> dict[str, str]:
    """Return the newer dictionary."""
    assert data.is_dir()
    return read_newer(fetch(NEWER)[0])


@pytest.fixture(scope="session")
def log(data: Path) -> pd.DataFrame:
    """Return the rows of the production log with their partition, read without launchgate's own reader."""
    frames = []
    for path in sorted((data / "log").glob("dt=*/*")):
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.DataFrame(read_lines(path)[0])
        ts = pd.to_datetime(frame["ts"], utc=True)
        frames.append(frame.assign(ts=ts, partition=path.parent.name.removeprefix("dt="), format=path.suffix))
    return pd.concat(frames, ignore_index=True)


def read_lines(path: Path) -> tuple[list[dict[str, str]], list[bytes]]:
    """Return the records of a JSONL partition, and its malformed lines."""
    records: list[dict[str, str]] = []
    malformed: list[bytes] = []
    with gzip.open(path) as lines:
        for line in lines:
            try:
                records.append(json.loads(line))
            except ValueError:
                malformed.append(line)
    return records, malformed


def words(*given: object) -> pd.DataFrame:
    """Return rows that ask for the given words."""
    return pd.DataFrame({"word": pd.Series(given, dtype="object")})


def answer(adapter: ModuleType, run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the answers to `rows`, as one batch."""
    decoded: pd.DataFrame = adapter.decode(adapter.infer(run, adapter.encode(rows)))
    return decoded


class Published:
    """The algorithm that g2p-en publishes, one word at a time on the arrays of its package."""

    def __init__(self, arrays: Arrays, phonemes: list[str]) -> None:
        self.arrays = arrays
        self.phonemes = phonemes

    def cell(self, side: str, code: int, state: np.ndarray) -> np.ndarray:
        """Return the state after one symbol; the gates stand in the order reset, update, new."""
        arrays, width = self.arrays, len(state)
        given = arrays[f"{side}_w_ih"] @ arrays[f"{side}_emb"][code] + arrays[f"{side}_b_ih"]
        kept = arrays[f"{side}_w_hh"] @ state + arrays[f"{side}_b_hh"]
        gates = 1 / (1 + np.exp(-(given + kept)[: 2 * width]))
        reset, update = np.split(gates, 2)
        new = np.tanh(given[2 * width :] + reset * kept[2 * width :])
        after: np.ndarray = (1 - update) * new + update * state
        return after

    def predict(self, word: str) -> tuple[str, float]:
        """Return the phonemes of a word in lower case and the probability of the whole answer."""
        graphemes = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
        state = np.zeros(self.arrays["enc_w_hh"].shape[1], np.float32)
        for symbol in [*word, "</s>"]:
            state = self.cell("enc", graphemes.index(symbol) if symbol in graphemes else 1, state)
        code, found, probability = self.phonemes.index("<s>"), [], 1.0
        for _ in range(20):
            state = self.cell("dec", code, state)
            logits = self.arrays["fc_w"] @ state + self.arrays["fc_b"]
            code = int(logits.argmax())
            probability /= float(np.exp(logits - logits[code]).sum())
            if self.phonemes[code] == "</s>":
                break
            found.append(self.phonemes[code])
        return " ".join(found), probability


def test_it_answers_as_g2p_en_does(adapter: ModuleType, run: Run, evaluation: pd.DataFrame) -> None:
    """Three hundred words in one batch get the phonemes and probabilities of the published algorithm."""
    path, _ = fetch(load("prepare").PACKAGE)
    with zipfile.ZipFile(path) as wheel, wheel.open("g2p_en/checkpoint20.npz") as stream:
        arrays = dict(np.load(stream))
    published = Published(arrays, json.loads((adapter.CHECKPOINT / "phonemes.json").read_text()))
    rows = evaluation.sample(300, random_state=7)
    expected = [published.predict(word) for word in rows["word"]]
    found = answer(adapter, run, rows)
    assert list(found["prediction"]) == [phonemes for phonemes, _ in expected]
    np.testing.assert_allclose(found["confidence"], [probability for _, probability in expected], rtol=1e-3)


def test_neighbours_do_not_change_a_row(adapter: ModuleType, run: Run, evaluation: pd.DataFrame) -> None:
    """Beside longer, shorter and empty words a word gets the tokens that it gets alone, and nearly the probability."""
    rows = pd.concat([evaluation[["word"]].head(60), words("", "i", "antidisestablishmentarianism")], ignore_index=True)
    together = adapter.infer(run, adapter.encode(rows))
    for place in range(len(rows)):
        alone = adapter.infer(run, adapter.encode(rows.iloc[[place]]))
        np.testing.assert_array_equal(alone["tokens"][0], together["tokens"][place])
        np.testing.assert_allclose(alone["log_probability"][0], together["log_probability"][place], atol=1e-4)


def test_any_word_gets_an_answer(adapter: ModuleType, run: Run) -> None:
    """Missing, empty, endless and odd words get one row each: phonemes with a probability, or None with NaN."""
    rows = words(*ODD_WORDS)
    known = set(json.loads((adapter.CHECKPOINT / "phonemes.json").read_text()))
    for batch in (rows, *(rows.iloc[[place]] for place in range(len(rows)))):
        found = answer(adapter, run, batch)
        assert list(found.columns) == ["prediction", "confidence"]
        assert len(found) == len(batch)
        given = found.dropna()
        assert given["confidence"].between(0, 1).all()
        assert {phoneme for prediction in given["prediction"] for phoneme in prediction.split(" ")} <= known
        assert found["confidence"].isna().equals(found["prediction"].isna())


def test_a_word_without_a_letter_is_abstained_from(adapter: ModuleType, run: Run) -> None:
    """Nothing that could be read aloud gives None, alone, among others, and in a batch of nothing else."""
    nothing = (None, "", "...", "24", "ﷺ")
    assert answer(adapter, run, words(*nothing))["prediction"].isna().all()
    mixed = answer(adapter, run, words(*nothing, "cat"))["prediction"]
    assert mixed.isna().tolist() == [True] * 5 + [False]
    assert mixed.iloc[-1] == "K AE1 T"


def test_case_and_accents_do_not_count(adapter: ModuleType, run: Run) -> None:
    """A word is read as its plain letters, so that Café and cafe are one."""
    found = answer(adapter, run, words("Café", "CAFE", "cafe"))
    assert found["prediction"].tolist() == [found["prediction"].iloc[0]] * 3


def test_an_answer_without_end_is_cut(adapter: ModuleType) -> None:
    """A net that never says that it ends is asked for 20 phonemes, and its confidence is the product of 20."""
    phoneme = adapter.END + 1

    def endless(graph: str, inputs: Arrays) -> Arrays:
        if graph == "encoder":
            return {"state": np.zeros((len(inputs["lengths"]), 2), np.float32)}
        found = np.full((len(inputs["token"]), 74), -9.0, np.float32)
        found[:, phoneme] = -0.1
        return {"log_probabilities": found, "next_state": inputs["state"]}

    outputs = adapter.infer(endless, adapter.encode(words("one", "other")))
    assert outputs["tokens"].tolist() == [[phoneme] * 20] * 2
    found = adapter.decode(outputs)
    assert [len(prediction.split(" ")) for prediction in found["prediction"]] == [20, 20]
    np.testing.assert_allclose(found["confidence"], np.exp(-2.0), rtol=1e-6)


def test_the_folder_serves_by_itself(adapter: ModuleType, tmp_path: Path) -> None:
    """A copy of the folder encodes and decodes in a fresh process, without torch and without this repository."""
    assert adapter.CHECKPOINT.is_dir()
    copy = tmp_path / "served"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import adapter, numpy, pandas\n"
        "assert len(adapter.encode(pandas.DataFrame({'word': ['fine', '']}))['lengths']) == 2\n"
        "adapter.decode({'tokens': numpy.full((1, 20), 4), 'log_probability': numpy.zeros(1)})\n"
        "assert not {'torch', 'tasks'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code, str(copy)], check=True, cwd=tmp_path)


def test_a_second_prepare_does_nothing(adapter: ModuleType) -> None:
    """A candidate that is prepared says so in one line, and its checkpoint is the recorded one."""
    assert run_prepare() == "nothing to do: pronounce and its data are current\n"
    assert digest(adapter.CHECKPOINT) == (FOLDER / "build" / "checkpoint.sha256").read_text().strip()


def test_a_dictionary_line_is_a_word_and_its_phonemes() -> None:
    """The first pronunciation of a word is kept; comments and the names of punctuation marks are not words."""
    content = ";;; a comment\nREAD  R EH1 D\nREAD(2)  R IY1 D\n%PERCENT  P ER0\nD'AMBRA D AE1 M # old french, name\n\n"
    assert parse(content) == {"read": "R EH1 D", "d'ambra": "D AE1 M"}


def test_no_word_is_on_two_sides(data: Path, evaluation: pd.DataFrame, log: pd.DataFrame) -> None:
    """Evaluation, calibration and the log share no word, whatever its case and marks."""
    keys = {word_key(word) for word in evaluation["word"]}
    calibration = {word_key(word) for word in pd.read_parquet(data / "calibration.parquet")["word"]}
    asked = {word_key(word) for word in log["word"]}
    assert len(keys) == pronounce_data.EVALUATION_ROWS
    assert len(calibration) == pronounce_data.CALIBRATION_ROWS
    assert not keys & calibration
    assert not (keys | calibration) & asked


def test_the_sets_hold_the_older_dictionary(evaluation: pd.DataFrame, older: dict[str, str]) -> None:
    """Every row of the evaluation set has an id of its own and the older dictionary's pronunciation."""
    assert list(evaluation.columns) == ["request_id", "word", "label", "client"]
    assert evaluation["request_id"].is_unique
    assert list(evaluation["label"]) == [older[word] for word in evaluation["word"]]


def test_production_asks_for_new_words(log: pd.DataFrame, older: dict[str, str], newer: dict[str, str]) -> None:
    """Labels are the newer dictionary's; a third of them or more are of words that the older one lacks."""
    labelled = log.dropna(subset="label")
    assert list(labelled["label"]) == [newer[word.lower()] for word in labelled["word"]]
    known = {word_key(word) for word in older}
    new = ~labelled["word"].map(word_key).isin(known)
    assert 0.33 < new.mean() < 0.45
    assert labelled.loc[new, "word"].str.lower().nunique() > 1000
    assert new[labelled["client"] == "assistant"].all()
    assert new[labelled["client"] != "assistant"].mean() < 0.02
    assert set(log["client"]) == {"reader", "messages", "assistant"}


def test_the_log_alternates_its_formats(data: Path, log: pd.DataFrame) -> None:
    """Each of the 30 days has one partition, neighbours differ in format, and Parquet ones have one schema."""
    formats = log.groupby("partition")["format"].unique()
    assert list(formats.index) == [f"{day:%Y-%m-%d}" for day in pd.date_range(end=AS_OF, periods=DAYS + 1)[:-1]]
    assert [list(found) for found in formats] == [[".gz"], [".parquet"]] * (DAYS // 2)
    assert all(parquet.read_schema(path).equals(SCHEMA) for path in (data / "log").glob("dt=*/*.parquet"))


def test_every_request_lies_in_the_window(log: pd.DataFrame) -> None:
    """No request is later than the end of the log, and a row stands in its own day's partition or the next one."""
    days_late = pd.to_datetime(log["partition"], utc=True) - log["ts"].dt.floor("D")
    assert (log["ts"] < AS_OF).all()
    assert set(days_late.dt.days) == {0, 1}


def test_statuses_and_feedback(log: pd.DataFrame) -> None:
    """Words without a letter are abstained from, other failures are rare, and only answered requests have feedback."""
    shares = log["status"].value_counts(normalize=True)
    assert set(shares.index) == {"ok", "abstained", "error", "timeout"}
    assert shares["ok"] > 0.95
    assert (log["word"].map(word_key) == "").equals(log["status"] == "abstained")
    gave = log["feedback"].notna()
    assert set(log.loc[gave, "feedback"]) == {"up", "down"}
    assert set(log.loc[gave, "status"]) == {"ok"}


def test_labels_come_late(log: pd.DataFrame) -> None:
    """Words of no dictionary have no label, and the last three days have far fewer labels than those before."""
    labelled = log["label"].notna()
    recent = log["ts"] >= AS_OF - pd.Timedelta(days=3)
    old = log["ts"] < AS_OF - pd.Timedelta(days=7)
    assert labelled[recent].mean() < 0.6 * labelled[old].mean()
    assert 0.6 < labelled[old].mean() < 0.8


def test_the_log_has_faults(data: Path, log: pd.DataFrame) -> None:
    """JSONL partitions have three malformed lines each, and some requests were logged twice, a few a day late."""
    for path in (data / "log").glob("dt=*/*.gz"):
        _, malformed = read_lines(path)
        assert sorted(line[:2] for line in malformed) == [b"WA", b'{"', b"\xff\xfe"]
    twice = log[log["request_id"].duplicated(keep=False)]
    assert twice["request_id"].nunique() * 2 == len(twice)
    assert 0 < len(twice) < 0.02 * len(log)
    assert set(twice.groupby("request_id")["partition"].nunique()) == {1, 2}


def test_the_same_requests_write_the_same_bytes(tmp_path: Path) -> None:
    """A log written again in another folder is the same, byte for byte."""
    asked = pd.DataFrame({"word": [f"word{n}" for n in range(600)], "client": "reader", "label": "W ER1 D"})
    sizes = [write_log(asked, tmp_path / name) for name in ("one", "two")]
    assert sizes[0] == sizes[1]
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
