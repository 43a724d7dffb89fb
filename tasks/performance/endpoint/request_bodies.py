"""The bodies of requests, one row each: the input columns, or the graph's inputs as the candidate's adapter encodes them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from tasks.candidate.adapter import Adapter, Arrays
    from tasks.core.records import RequestInputs, ServingProtocol
    from tasks.performance.endpoint.handshake import Tensor

MOST_ROWS = 2_000  # that requests are drawn from
MOST_BYTES = 256_000_000  # of all bodies: large images are fewer rows
BYTES = "BYTES"  # texts, as the Open Inference Protocol calls them
SEQUENCES = (list, tuple, np.ndarray)
DTYPES = {f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)} | {
    f"{kind}{bits}".upper(): f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}
DTYPES["BOOL"] = "bool"
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def write_bodies(
    protocol: ServingProtocol,
    inputs: RequestInputs | None,
    declared: Sequence[Tensor],
    rows: pd.DataFrame,
    adapter: Adapter | None,
    path: Path,
) -> RequestInputs:
    """Write the bodies of the first rows into `path`, one JSON text a line, and return what they hold.

    `rows` are the input columns; those with a gap are left out. Without `inputs` MLflow's server gets columns, and an Open
    Inference Protocol server those that it declares. Raises InputError where it declares others, or no row is left.
    """
    whole = rows.dropna().reset_index(drop=True)
    if whole.empty:
        raise InputError("no row holds all input columns, so there is nothing to ask for; give other rows")
    if adapter and adapter.calls_one_graph:
        whole = adapter.answerable(whole.head(MOST_ROWS), MOST_ROWS)
    chosen = inputs or _chosen(protocol, declared, _possible(whole, adapter))
    if chosen == "encoded" and (adapter is None or not adapter.calls_one_graph):
        raise InputError(
            "encoded inputs are made by a candidate's adapter, of a model that answers in one graph call; "
            "name such a candidate, or send columns"
        )
    written = 0
    with path.open("wb") as out:
        for row in range(min(len(whole), MOST_ROWS)):
            one = whole.iloc[[row]].reset_index(drop=True)
            body = _body(protocol, declared, _arrays(one, adapter if chosen == "encoded" else None), chosen)
            written += out.write(body + b"\n")
            if written > MOST_BYTES:
                break
    return chosen


def _possible(rows: pd.DataFrame, adapter: Adapter | None) -> dict[RequestInputs, Arrays]:
    """Return what a request of the first row could hold."""
    one = rows.head(1)
    possible: dict[RequestInputs, Arrays] = {"columns": _arrays(one, None)}
    return possible | ({"encoded": _arrays(one, adapter)} if adapter and adapter.calls_one_graph else {})


def _chosen(
    protocol: ServingProtocol, declared: Sequence[Tensor], possible: dict[RequestInputs, Arrays]
) -> RequestInputs:
    if protocol == "mlflow":
        return "columns"
    if not declared:
        raise InputError("the server's model declares no inputs; say what it takes with --inputs columns or encoded")
    for kind, arrays in possible.items():
        if all(one.name in arrays and (one.datatype == BYTES) == _is_text(arrays[one.name]) for one in declared):
            return kind
    asked = ", ".join(f"{one.name} ({one.datatype})" for one in declared)
    held = "; ".join(f"{kind}: {', '.join(map(_described, arrays.items()))}" for kind, arrays in possible.items())
    raise InputError(
        f"the server's model takes {asked}, which a request can't hold ({held}); give rows or a candidate that have it"
    )


def _arrays(one: pd.DataFrame, adapter: Adapter | None) -> Arrays:
    """Return a row's inputs by name, each [1, ...]: encoded where there is an adapter to do it, else the columns."""
    if adapter is not None:
        return adapter.encode(one)
    return {str(name): _column(one[name].iloc[0]) for name in one.columns}


def _column(value: Any) -> np.ndarray:
    if isinstance(value, SEQUENCES):
        try:
            return np.array([_nested(value)])
        except ValueError as error:
            raise InputError(
                "a column holds lists of uneven lengths, which are no tensor; send encoded inputs"
            ) from error
    if isinstance(value, (bool, int, float, np.generic)) and np.asarray(value).dtype.name in NAMES:
        return np.array([value])
    text = base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
    return np.array([text], dtype=object)


def _nested(value: Any) -> Any:
    """Return lists in lists, which Parquet gives back as arrays in arrays."""
    return [_nested(item) for item in value] if isinstance(value, SEQUENCES) else value


def _body(protocol: ServingProtocol, declared: Sequence[Tensor], arrays: Arrays, kind: RequestInputs) -> bytes:
    import orjson

    if protocol == "oip":
        wanted = {one.name: one for one in declared} or dict.fromkeys(arrays)
        content: Any = {"inputs": [_tensor(name, arrays, one) for name, one in wanted.items()]}
    elif kind == "encoded":
        content = {"inputs": {name: array.tolist() for name, array in arrays.items()}}
    else:
        values = [array.tolist()[0] for array in arrays.values()]
        content = {"dataframe_split": {"columns": list(arrays), "data": [values]}}
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY, default=str)


def _tensor(name: str, arrays: Arrays, declared: Tensor | None) -> dict[str, Any]:
    """Return one input as the protocol writes it: of the declared type, and of as many dimensions at least."""
    if name not in arrays:
        raise InputError(f"the server's model takes {name}, and a request holds {', '.join(arrays)}; see --inputs")
    array = arrays[name]
    datatype = declared.datatype if declared else NAMES.get(array.dtype.name, BYTES)
    if datatype in DTYPES and not _is_text(array):
        array = array.astype(DTYPES[datatype])
    missing = max(0, len(declared.shape) - array.ndim) if declared else 0
    flat = array.ravel().tolist() if _is_text(array) else np.ascontiguousarray(array).ravel()
    return {"name": name, "shape": [*array.shape, *[1] * missing], "datatype": datatype, "data": flat}


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.name not in NAMES


def _described(item: tuple[str, np.ndarray]) -> str:
    name, array = item
    return f"{name} ({NAMES.get(array.dtype.name, BYTES)})"
