"""What an adapter may do, and what is said where it does something else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from support.tiny import ADAPTER

from tasks.candidate.adapter import Adapter, AdapterError
from tasks.core.errors import InputError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = pd.DataFrame({"text": ["w1 w2", "w3"]})
LOGITS = {"output": np.array([[1.0, 2.0], [2.0, 1.0]], dtype=np.float32)}


def adapter(folder: Path, *changes: tuple[str, str]) -> Adapter:
    """Return the tiny adapter with texts replaced."""
    text = ADAPTER
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(exist_ok=True)
    (folder / "adapter.py").write_text(text)
    return Adapter(folder / "adapter.py")


def test_encode_and_decode_are_the_candidates_own(tmp_path: Path) -> None:
    """The frame that decode returns is kept to its two columns, confidence as float64."""
    loaded = adapter(tmp_path)
    assert loaded.encode(ROWS)["words"].tolist() == [[2, 3], [4, 0]]
    frame = loaded.decode(LOGITS, 2)
    assert frame["prediction"].tolist() == ["positive", "negative"]
    assert frame["confidence"].dtype == np.float64


def test_neighbours_of_two_adapters_do_not_mix(tmp_path: Path) -> None:
    """Two candidates may each have a helper of the same name: each adapter sees its own, and neither stays importable."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "labels.py").write_text(f"NAME = '{name}'\n")
    changed = ("import numpy as np\n", "import numpy as np\nfrom labels import NAME\n")
    decoded = ('"prediction": LABELS[chance.argmax(axis=1)]', '"prediction": [NAME] * len(chance)')
    one, two = (adapter(tmp_path / name, changed, decoded) for name in ("one", "two"))
    assert one.decode(LOGITS, 2)["prediction"].tolist() == ["one", "one"]
    assert two.decode(LOGITS, 2)["prediction"].tolist() == ["two", "two"]
    assert "labels" not in sys.modules
    assert not any(path.startswith(str(tmp_path)) for path in sys.path)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (
            ("    found = [", "    1 / 0\n    found = ["),
            r"encode raised ZeroDivisionError: division by zero at adapter.py:33",
        ),
        (('return {"words": words}', "return words"), "encode returned ndarray; it must return a dict"),
        (
            ('return {"words": words}', "return {}"),
            "encode returned dict; it must return a dict of input name to array",
        ),
    ],
)
def test_what_encode_gets_wrong_is_told(tmp_path: Path, change: tuple[str, str], wanted: str) -> None:
    """An exception is told with its line, another type with what it should have been."""
    with pytest.raises(AdapterError, match=wanted):
        adapter(tmp_path, change).encode(ROWS)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (('"confidence"', '"score"'), "decode returned the columns prediction, score; it must return prediction and"),
        (
            ("(logits,) = outputs.values()", "logits = outputs['logits']"),
            r"decode raised KeyError: 'logits' at adapter.py:\d+",
        ),
        (("return pd.DataFrame({", "return dict({"), "decode returned dict; it must return a pandas DataFrame"),
        (("shifted = ", "logits = logits[:1]\n    shifted = "), "decode returned 1 rows for 2 inputs"),
    ],
)
def test_what_decode_gets_wrong_is_told(tmp_path: Path, change: tuple[str, str], wanted: str) -> None:
    """Wrong columns, rows and types are told beside what they should be."""
    with pytest.raises(AdapterError, match=wanted):
        adapter(tmp_path, change).decode(LOGITS, 2)


def test_a_confidence_that_is_no_number_becomes_nan(tmp_path: Path) -> None:
    """What is no number counts as not finite later; it never stops the evaluation of other rows."""
    loaded = adapter(tmp_path, ('"confidence": chance.max(axis=1)', '"confidence": ["high", 0.5]'))
    confidence = loaded.decode(LOGITS, 2)["confidence"]
    assert np.isnan(confidence[0])
    assert confidence[1] == 0.5


def test_infer_may_call_the_graph_as_often_as_it_likes(tmp_path: Path) -> None:
    """An adapter with infer runs the graphs itself; one without runs `model` once."""
    calls: list[str] = []

    def run(graph: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        calls.append(graph)
        return {"output": inputs["x"] + 1}

    batch = {"x": np.zeros(2)}
    assert adapter(tmp_path).infer(run, batch)["output"].tolist() == [1, 1]
    own = "def infer(run, batch):\n    return run('decoder', {'x': run('encoder', batch)['output']})\n\n\ndef decode("
    assert adapter(tmp_path, ("def decode(", own)).infer(run, batch)["output"].tolist() == [2, 2]
    assert calls == ["model", "encoder", "decoder"]


def test_a_build_that_fails_is_a_finding_about_the_model(tmp_path: Path) -> None:
    """Weights that do not fit, and what is no module, are told as the candidate's failure."""
    with pytest.raises(ModelError, match=r"build\(nothere\) raised .* at adapter.py:25"):
        adapter(tmp_path).build(tmp_path / "nothere")
    with pytest.raises(ModelError, match=r"build returned int; it must return a torch.nn.Module"):
        adapter(tmp_path, ("    weights = load_file(checkpoint)\n", "    return 3\n")).build(tmp_path)


def test_rows_that_encode_refuses_are_passed_over(tmp_path: Path) -> None:
    """The first rows that it takes are returned; where it takes none, its own error is raised."""
    loaded = adapter(tmp_path, ("    found = [", "    assert not rows['text'].str.contains('w1').any()\n    found = ["))
    rows = pd.DataFrame({"text": ["w1", "w2", "w1 w3", "w4", "w5"]})
    assert loaded.answerable(rows, 2)["text"].tolist() == ["w2", "w4"]
    with pytest.raises(AdapterError, match="encode raised AssertionError"):
        loaded.answerable(rows.iloc[[0, 2]], 2)


def test_a_file_that_is_no_python_is_refused(tmp_path: Path) -> None:
    """An adapter is a Python file."""
    (tmp_path / "adapter.txt").write_text("hello")
    with pytest.raises(InputError, match="is not a Python file"):
        Adapter(tmp_path / "adapter.txt")
