"""A variant served as production would serve it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from tasks.candidate.adapter import AdapterError
from tasks.core.errors import StageError
from tasks.serving.server import Answers, Server, batches, join, lengths

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.core.records import Candidate, Serving

RAISE_ON_W1 = ("found = [", "assert 'w1' not in list(rows['text'])\n    found = [")


def test_answers_are_those_of_the_torch_module(served: Serving, tiny: Candidate, production: pd.DataFrame) -> None:
    """Encode → session → decode gives what the module gives in torch."""
    import torch

    server = Server(served)
    rows = production.head(20)
    module = server.adapter.build(tiny.resolve(tiny.checkpoint.path))["model"]
    wanted = module(**{name: torch.from_numpy(array) for name, array in server.adapter.encode(rows).items()})
    answers = server.predict(rows)
    np.testing.assert_allclose(answers.outputs["output"], wanted.detach().numpy(), atol=1e-5)
    assert list(answers.frame) == ["prediction", "confidence"]
    assert server.provider == "CPUExecutionProvider"


def test_batches_keep_the_order_of_the_rows(served: Serving, production: pd.DataFrame) -> None:
    """Answers in batches of any size are the answers one by one, in order."""
    server = Server(served)
    rows = production.head(50)
    alone, mixed = server.predict_in(rows, 1), server.predict_in(rows, 7)
    assert alone.frame["prediction"].equals(mixed.frame["prediction"])
    np.testing.assert_allclose(alone.outputs["output"], mixed.outputs["output"], atol=1e-6)


def test_a_target_that_is_not_there_is_never_replaced_in_silence(served: Serving) -> None:
    """A session for a GPU that ends up on the CPU is refused, unless the proof of the provider itself asks."""
    elsewhere = served.model_copy(update={"target": "cuda"})
    if Server(elsewhere, any_provider=True).provider == "CUDAExecutionProvider":
        pytest.skip("this machine has a GPU")
    with pytest.raises(StageError, match="the target is cuda, but the session runs on CPUExecutionProvider"):
        Server(elsewhere)


def test_a_list_is_as_long_as_it_has_values() -> None:
    """Nested or not, as it was logged or as Parquet is read, beside texts and numbers, which have characters."""
    image = np.zeros((8, 9), dtype=int)
    nested = np.empty(8, dtype=object)
    nested[:] = list(image)
    rows = pd.DataFrame({"x": pd.Series([image.tolist(), nested, [1.5, 2.5], [], None, "four", 12], dtype=object)})
    assert lengths(rows.assign(y="a")).tolist() == [73, 73, 3, 1, 1, 5, 3]


def test_most_of_a_batch_is_answered_though_one_row_fails(
    other: Callable[..., Serving], production: pd.DataFrame
) -> None:
    """A batch with a row that the adapter refuses is halved until the other rows are answered."""
    server = Server(other(RAISE_ON_W1))
    rows = production[["text"]].head(9)
    rows.loc[3, "text"] = "w1"
    with pytest.raises(AdapterError, match=r"encode raised AssertionError: no message at adapter.py:\d+"):
        server.predict(rows)
    assert server.predict_most(rows) == 8
    assert server.predict_most(rows.iloc[[3]]) == 0


def test_an_input_that_the_graph_does_not_have_is_left_out(
    other: Callable[..., Serving], production: pd.DataFrame
) -> None:
    """Export drops inputs that change nothing; encode may still give them."""
    server = Server(other(('return {"words": words}', 'return {"words": words, "unused": words}')))
    assert len(server.predict(production.head(3)).frame) == 3


def test_an_input_that_encode_does_not_give_is_the_adapters_error(
    other: Callable[..., Serving], production: pd.DataFrame
) -> None:
    """An input of the graph that encode leaves out is named."""
    server = Server(other(('return {"words": words}', 'return {"word": words}')))
    with pytest.raises(AdapterError, match="words"):
        server.predict(production.head(3))


def test_batches_cover_every_row_once() -> None:
    """The last batch may be smaller, and each is numbered from 0."""
    parts = batches(pd.DataFrame({"text": list("abcdefg")}), 3)
    assert [list(part["text"]) for part in parts] == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert all(list(part.index) == list(range(len(part))) for part in parts)


def test_lengths_add_up_over_the_input_columns() -> None:
    """A row's length is that of all its inputs as text."""
    assert list(lengths(pd.DataFrame({"a": ["xx", ""], "b": ["y", "zzz"]}))) == [3, 3]


def test_outputs_of_varying_width_are_left_out_when_joined() -> None:
    """Padded outputs have another width in every batch, so only those of one width are kept whole."""
    frame = pd.DataFrame({"prediction": ["a", "b"], "confidence": [0.5, 0.5]})
    one = Answers(frame, {"logits": np.zeros((2, 3)), "states": np.zeros((2, 4))})
    two = Answers(frame, {"logits": np.ones((2, 3)), "states": np.zeros((2, 5))})
    joined = join([one, two])
    assert list(joined.outputs) == ["logits"]
    assert joined.outputs["logits"].shape == (4, 3)
    assert len(joined.frame) == 4
