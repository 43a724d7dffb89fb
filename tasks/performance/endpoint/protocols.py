"""The two protocols: where a server is asked what, and what a whole answer is.

Sources: MLflow's scoring server (mlflow.pyfunc.scoring_server), and the Open Inference Protocol v2, which Triton, KServe and
MLServer speak (github.com/kserve/open-inference-protocol).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from tasks.core.records import ServingProtocol
    from tasks.evidence import Endpoint


class Addresses(NamedTuple):
    """Where an endpoint is asked: for answers, whether it is ready, what it is, and what inputs its model takes."""

    infer: str
    ready: str
    server: str
    metadata: str | None


def addresses(url: str, protocol: ServingProtocol, model: str | None, version: str | None) -> Addresses:
    """Return where the server at `url` is asked. Raises InputError where that is no address, or no model is named."""
    parts, base = urlsplit(url), url.rstrip("/")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise InputError(
            f"{url} is no address of a server; give one as http://HOST:PORT, with the path before the protocol's"
        )
    if protocol == "mlflow":
        return Addresses(f"{base}/invocations", f"{base}/ping", f"{base}/version", None)
    if model is None:
        raise InputError("an Open Inference Protocol server serves models by name; name one with --model")
    at = f"{base}/v2/models/{quote(model, safe='')}" + (f"/versions/{quote(version, safe='')}" if version else "")
    return Addresses(f"{at}/infer", f"{base}/v2/health/ready", f"{base}/v2", at)


def addresses_of(endpoint: Endpoint) -> Addresses:
    """Return where an endpoint is asked."""
    return addresses(endpoint.url, endpoint.protocol, endpoint.model, endpoint.version)


def is_whole(protocol: ServingProtocol, content: bytes) -> bool:
    """Tell whether a body is the protocol's answer to one row; NaN, which JSON does not know, is none."""
    import orjson

    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    match answer:
        case {"predictions": list(predictions)} if protocol == "mlflow":
            return len(predictions) == 1
        case {"predictions": predictions} if protocol == "mlflow":
            return predictions not in (None, {})
        case {"outputs": [_, *_] as outputs} if protocol == "oip":
            return all(map(_is_tensor, outputs))
    return False


def _is_tensor(output: Any) -> bool:
    match output:
        case {"name": str(), "datatype": str(), "shape": list(shape), "data": list(data)}:
            return all(isinstance(size, int) for size in shape) and _count(data) == math.prod(shape)
    return False


def _count(data: list[Any]) -> int:
    """Count the values of a tensor, flat or nested."""
    return sum(_count(item) if isinstance(item, list) else 1 for item in data)
