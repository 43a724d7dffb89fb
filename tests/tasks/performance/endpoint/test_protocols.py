"""The addresses of both protocols, and what is a whole answer of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.core.errors import InputError
from tasks.performance.endpoint.protocols import addresses, is_whole


def test_both_protocols_have_their_addresses() -> None:
    """Behind whatever path a gateway puts before them."""
    mlflow = addresses("http://host:5000/a/", "mlflow", None, None)
    assert (mlflow.infer, mlflow.ready) == ("http://host:5000/a/invocations", "http://host:5000/a/ping")
    oip = addresses("https://host", "oip", "my model", "3")
    assert oip.infer == "https://host/v2/models/my%20model/versions/3/infer"
    assert oip.metadata == "https://host/v2/models/my%20model/versions/3"
    assert oip.ready == "https://host/v2/health/ready"
    assert addresses("http://h", "oip", "m", None).infer == "http://h/v2/models/m/infer"


@pytest.mark.parametrize("url", ["localhost:5000", "ftp://host", "http://", "http://host?x=1"])
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    """It says what one looks like."""
    with pytest.raises(InputError, match="is no address of a server; give one as http://HOST:PORT"):
        addresses(url, "mlflow", None, None)


def test_an_open_inference_server_needs_a_models_name() -> None:
    """It serves several."""
    with pytest.raises(InputError, match="name one with --model"):
        addresses("http://host", "oip", None, None)


def tensor(shape: list[int], data: list[Any], **changes: Any) -> dict[str, Any]:
    """Return an output as a server writes it."""
    return {"name": "logits", "datatype": "FP32", "shape": shape, "data": data} | changes


@pytest.mark.parametrize(
    ("protocol", "answer", "whole"),
    [
        ("mlflow", {"predictions": ["positive"]}, True),
        ("mlflow", {"predictions": [{"label": "positive", "score": 0.9}]}, True),
        ("mlflow", {"predictions": {"logits": [[0.1, 0.9]]}}, True),
        ("mlflow", {"predictions": 0}, True),
        ("mlflow", {"predictions": []}, False),
        ("mlflow", {"predictions": [1, 2]}, False),
        ("mlflow", {"predictions": None}, False),
        ("mlflow", {"outputs": [tensor([1], [1])]}, False),
        ("mlflow", ["positive"], False),
        ("oip", {"model_name": "m", "outputs": [tensor([1, 2], [0.1, 0.9])]}, True),
        ("oip", {"outputs": [tensor([1, 2], [[0.1, 0.9]])]}, True),
        ("oip", {"outputs": [tensor([1], [1]), tensor([1, 2], [1])]}, False),
        ("oip", {"outputs": [tensor([1], [1], name=None)]}, False),
        ("oip", {"outputs": [{"name": "logits", "data": [1]}]}, False),
        ("oip", {"outputs": []}, False),
        ("oip", {"error": "no such model"}, False),
        ("oip", {"predictions": [1]}, False),
    ],
)
def test_an_answer_is_whole_or_malformed(protocol: Any, answer: Any, whole: bool) -> None:
    """By its protocol: one prediction a row, or tensors that hold as many values as their shape says."""
    assert is_whole(protocol, json.dumps(answer).encode()) is whole


@pytest.mark.parametrize("content", [b"", b"ok", b'{"predictions": [NaN]}', b'{"predictions": [1]', b"\xff"])
def test_what_is_not_json_is_no_answer(content: bytes) -> None:
    """A caller could not read it."""
    assert not is_whole("mlflow", content)
