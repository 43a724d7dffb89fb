"""Serve a variant as production would: encode → session → decode, on the target's execution provider or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.candidate.adapter import Adapter, AdapterError, Arrays
from tasks.core.errors import StageError
from tasks.core.records import Candidate, Marking, Serving, Target, Variant

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def serving_of(
    candidate: Candidate, variant: Variant, target: Target, threads: int, marking: Marking | None = None
) -> Serving:
    """Return how to serve `variant` of `candidate`, and how its answers are held against others (None: as equal or not)."""
    return Serving(
        folder=candidate.folder,
        adapter=candidate.adapter,
        graphs=variant.graphs,
        target=target,
        threads=threads,
        input_columns=candidate.columns.input,
        marking=marking or Marking(),
    )


PROVIDERS: dict[Target, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# Convolution search that times its choices differs from run to run, and TF32 rounds inputs to 10 bits.
CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
# Long enough to bridge the gaps inside one call, too short to take the cores from whatever else runs on them.
SPIN_MICROSECONDS = "30"


@dataclass(frozen=True)
class Answers:
    """What the model said to some rows: `frame` has prediction and confidence, `outputs` the raw arrays [rows, ...]."""

    frame: pd.DataFrame
    outputs: Arrays


class Server:
    """One loaded variant.

    Raises StageError where the session does not run on the target's provider, unless `any_provider` is set.
    """

    def __init__(self, serving: Serving, profile: Path | None = None, any_provider: bool = False) -> None:
        self.serving = serving
        self.adapter = Adapter(serving.folder / serving.adapter)
        self.sessions = {
            name: open_session(path, serving.target, serving.threads, profile) for name, path in serving.graphs.items()
        }
        self._inputs = {name: [node.name for node in session.get_inputs()] for name, session in self.sessions.items()}
        self._outputs = {name: [node.name for node in session.get_outputs()] for name, session in self.sessions.items()}
        self.provider = next(iter(self.sessions.values())).get_providers()[0]
        wanted = PROVIDERS[serving.target]
        if self.provider != wanted and not any_provider:
            raise StageError(
                f"the target is {serving.target}, but the session runs on {self.provider}; nothing measured there "
                f"would hold on the target. Run on a machine with {wanted}"
            )

    def run(self, graph: str, inputs: Arrays) -> Arrays:
        """Call one graph once; inputs that the graph dropped in export are left out."""
        feed = {name: inputs[name] for name in self._inputs[graph]}
        return dict(zip(self._outputs[graph], self.sessions[graph].run(None, feed), strict=True))

    def predict(self, rows: pd.DataFrame) -> Answers:
        """Answer `rows` as one batch. Raises AdapterError where the adapter or the graph does."""
        outputs = self.adapter.infer(self.run, self.adapter.encode(rows))
        return Answers(self.adapter.decode(outputs, len(rows)), outputs)

    def predict_most(self, rows: pd.DataFrame) -> int:
        """Answer `rows` as one batch, or where that fails its halves, and return how many rows were answered."""
        try:
            self.predict(rows)
        except AdapterError:
            return 0 if len(rows) == 1 else sum(self.predict_most(half) for half in batches(rows, (len(rows) + 1) // 2))
        return len(rows)

    def predict_in(self, rows: pd.DataFrame, batch: int) -> Answers:
        """Answer `rows` in batches of at most `batch`, in order."""
        return join([self.predict(part) for part in batches(rows, batch)])


def open_session(path: Path, target: Target, threads: int, profile: Path | None = None) -> Any:
    """Return an onnxruntime session of the graph at `path`; `profile` is the prefix of a profile file to write."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    if target == "cuda":
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_MICROSECONDS)
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    cpu = PROVIDERS["cpu"]
    providers: list[Any] = [cpu] if target == "cpu" else [(PROVIDERS[target], CUDA_OPTIONS), cpu]
    return onnxruntime.InferenceSession(str(path), options, providers=providers)


def batches(rows: pd.DataFrame, size: int) -> list[pd.DataFrame]:
    """Return `rows` cut into frames of at most `size` rows, each numbered from 0."""
    return [rows.iloc[start : start + size].reset_index(drop=True) for start in range(0, len(rows), size)]


def lengths(inputs: pd.DataFrame) -> np.ndarray:
    """Return the length of each row's inputs in characters and in values of lists, the cheap stand-in for its cost.

    What is missing has none.
    """
    total = np.zeros(len(inputs), dtype=int)
    for name in inputs:  # by Python's own str: Arrow refuses half of a surrogate pair, which a request can hold
        present = inputs[name].notna().to_numpy()
        values = inputs[name].astype(object).to_numpy()
        total += np.array([_length(v) if there else 0 for v, there in zip(values, present, strict=True)], dtype=int)
    return total


def _length(value: Any) -> int:
    """Return how many characters a value has, and a list how many values; its parts are taken to be as long as the first."""
    if isinstance(value, str) or not isinstance(value, (list, tuple, np.ndarray)):
        return len(str(value))
    nested = len(value) > 0 and isinstance(value[0], (list, tuple, np.ndarray))
    return len(value) * _length(value[0]) if nested else len(value)


def join(answers: list[Answers]) -> Answers:
    """Return several batches' answers as one; an output whose other sizes vary from batch to batch is left out."""
    import pandas as pd

    frame = pd.concat([answer.frame for answer in answers], ignore_index=True)
    outputs = {}
    for name in answers[0].outputs:
        arrays = [np.asarray(answer.outputs[name]) for answer in answers]
        whole = all(a.ndim and len(a) == len(answer.frame) for a, answer in zip(arrays, answers, strict=True))
        if whole and len({array.shape[1:] for array in arrays}) == 1:
            outputs[name] = np.concatenate(arrays)
    return Answers(frame, outputs)
