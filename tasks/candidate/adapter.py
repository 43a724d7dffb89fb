"""A candidate's adapter: the few functions that are all the pipeline knows of a model, loaded and checked."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import InputError, ModelError
from tasks.core.files import digest_bytes
from tasks.data.redaction import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    import pandas as pd
    import torch

Arrays = dict[str, np.ndarray]
MODEL = "model"  # the graph of a model that has one
GRAPH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
REQUIRED = ("build", "encode", "decode")
MOST_REFUSALS = 100  # rows that fail from the first on, after which all are taken to
ANSWER = ["prediction", "confidence"]
SHORT_FLOATS = (np.float32, np.float16)  # what graphs compute with


class AdapterError(ModelError):
    """The adapter broke its contract; the message says how and where in its file."""


class Adapter:
    """The functions of an adapter file, each with its result checked.

    `build(checkpoint)`, `encode(rows)` and `decode(outputs)` are the candidate's; `infer(run, batch)` is too where one
    prediction takes several graph calls, else it is one call of the graph `model`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._module = _load(path)
        missing = [name for name in REQUIRED if not callable(getattr(self._module, name, None))]
        if missing:
            raise InputError(f"{path} defines no {' and no '.join(missing)}; an adapter has {', '.join(REQUIRED)}")

    @property
    def calls_one_graph(self) -> bool:
        """Whether a prediction is one call of the one graph, so that what `encode` returns is all that it is given."""
        return getattr(self._module, "infer", None) is None

    def build(self, checkpoint: Path) -> dict[str, torch.nn.Module]:
        """Return the candidate's torch modules by the name of their graph, as it makes them.

        Raises AdapterError where it makes none, or several and says nowhere how they work together.
        """
        import torch

        try:
            made = self._module.build(checkpoint)
        except Exception as error:
            raise AdapterError(f"build({checkpoint.name}) raised {self._where(error)}") from error
        modules = {str(name): module for name, module in made.items()} if isinstance(made, dict) else {MODEL: made}
        for name, module in modules.items():
            if not isinstance(module, torch.nn.Module):
                raise AdapterError(
                    f"build returned {type(module).__name__}; it must return a torch.nn.Module, or a dict of graph name "
                    "to torch.nn.Module"
                )
            if not GRAPH_NAME.fullmatch(name):
                raise AdapterError(f"build returned a graph called {name!r}; use letters, digits, _ and - alone")
        if not modules or (self.calls_one_graph and set(modules) != {MODEL}):
            named = ", ".join(modules) or "nothing"
            raise AdapterError(f"build returned {named}; define infer(run, batch), which calls run(graph, inputs)")
        return modules

    def encode(self, rows: pd.DataFrame) -> Arrays:
        """Return one padded batch, graph input name to array [rows, ...]. Raises AdapterError."""
        try:
            batch = self._module.encode(rows)
        except Exception as error:
            raise AdapterError(f"encode raised {self._where(error)}") from error
        if not isinstance(batch, dict) or not batch:
            raise AdapterError(f"encode returned {type(batch).__name__}; it must return a dict of input name to array")
        return {str(name): np.asarray(array) for name, array in batch.items()}

    def answerable(self, rows: pd.DataFrame, count: int) -> pd.DataFrame:
        """Return the first `count` of `rows` that encode takes one at a time. Raises AdapterError where it takes none."""
        kept: list[int] = []
        refused: AdapterError | None = None
        for index in range(len(rows)):
            if len(kept) == count:
                break
            try:
                self.encode(rows.iloc[[index]].reset_index(drop=True))
            except AdapterError as error:
                refused = error
            else:
                kept.append(index)
        if not kept and refused:
            raise refused
        return rows.iloc[kept].reset_index(drop=True)

    def infer(self, run: Callable[[str, Arrays], Arrays], batch: Arrays) -> Arrays:
        """Return the outputs of one batch, by graph output name, in order. Raises AdapterError."""
        try:
            return run(MODEL, batch) if self.calls_one_graph else dict(self._module.infer(run, batch))
        except Exception as error:
            raise AdapterError(f"inference raised {self._where(error)}") from error

    def decode(self, outputs: Arrays, rows: int) -> pd.DataFrame:
        """Return `rows` rows with the columns prediction and confidence. Raises AdapterError."""
        import pandas as pd

        try:
            frame = self._module.decode(outputs)
        except Exception as error:
            raise AdapterError(f"decode raised {self._where(error)}") from error
        if not isinstance(frame, pd.DataFrame):
            raise AdapterError(f"decode returned {type(frame).__name__}; it must return a pandas DataFrame")
        columns = frame.columns.tolist()  # to ask the index itself has pandas build a table of it at each call
        if not all(name in columns for name in ANSWER):
            found = ", ".join(map(str, columns))
            raise AdapterError(f"decode returned the columns {found}; it must return prediction and confidence")
        if len(frame) != rows:
            raise AdapterError(f"decode returned {len(frame)} rows for {rows} inputs; it must return one row an input")
        # Every call comes by here and its time is charged to the candidate, so a frame that is right is left as it is.
        if columns != ANSWER:
            frame = frame[ANSWER]
        if not frame.index.equals(pd.RangeIndex(rows)):
            frame = frame.reset_index(drop=True)
        confidence = frame["confidence"]
        if confidence.dtype != np.float64:
            if confidence.dtype not in SHORT_FLOATS:
                confidence = pd.to_numeric(confidence, errors="coerce")
            frame = frame.copy(deep=False)
            frame.isetitem(ANSWER.index("confidence"), confidence.to_numpy(dtype=np.float64, na_value=np.nan))
        return frame

    def _where(self, error: BaseException) -> str:
        """Say what was raised and on which line of the adapter; a message may quote a request, so it is masked."""
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(self.path)
        ]
        text = str(error).strip().splitlines()
        line = f" at {self.path.name}:{lines[-1]}" if lines else ""
        return f"{type(error).__name__}: {mask(text[0])[:200] if text else 'no message'}{line}"


def recording(run: Callable[[str, Arrays], Arrays], calls: dict[str, list[Arrays]]) -> Callable[[str, Arrays], Arrays]:
    """Return `run` as a function that also keeps the inputs of each call under the name of its graph."""

    def run_and_keep(graph: str, inputs: Arrays) -> Arrays:
        if graph not in calls:
            raise KeyError(f"no graph is called {graph}; there are {', '.join(calls)}")
        calls[graph].append({name: np.array(array) for name, array in inputs.items()})
        return run(graph, inputs)

    return run_and_keep


def _load(path: Path) -> ModuleType:
    """Import the file under a name of its own; its neighbours can be imported while it loads, and are then forgotten."""
    name = f"candidate_adapter_{digest_bytes(str(path).encode())[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python file; an adapter is one, with {', '.join(REQUIRED)}")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else (lines[-1] if lines else 1)
        raise InputError(
            f"{path}:{line}: the adapter cannot be imported: {type(error).__name__}: {error}; "
            "mend it, or install what it imports and pin that in the lock"
        ) from error
    finally:
        sys.path.remove(str(path.parent))
        for neighbour in list(_neighbours(path.parent)):
            if neighbour != name:
                del sys.modules[neighbour]
    return module


def _neighbours(folder: Path) -> Iterator[str]:
    for name, module in sys.modules.copy().items():  # another thread may import meanwhile
        file = getattr(module, "__file__", None)
        if file and str(file).startswith(f"{folder}/") and "site-packages" not in str(file):
            yield name
