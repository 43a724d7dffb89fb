"""The ways of running a graph on a device: in which numbers, with which buffers, recorded or not, with which search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

Device = Literal["cuda", "cpu"]
Numbers = Literal["fp32", "tf32", "fp16"]

CUDA = "CUDAExecutionProvider"


@dataclass(frozen=True)
class Way:
    """How a graph is run: in which numbers, with which buffers, whether recorded as a CUDA graph, and cuDNN's search."""

    numbers: Numbers = "fp32"
    buffers: Literal["run", "device", "pinned"] = "run"
    recorded: bool = False
    search: Literal["HEURISTIC", "DEFAULT", "EXHAUSTIVE"] = "HEURISTIC"

    @property
    def name(self) -> str:
        """Its settings in one word."""
        parts = [self.numbers, self.buffers, "graph" if self.recorded else "", self.search.lower()]
        return "-".join(part for part in parts if part and part != "heuristic")

    def options(self) -> dict[str, str]:
        """Return the CUDA provider's options, none of which is left to a default."""
        return {
            "device_id": "0",
            "use_tf32": str(int(self.numbers == "tf32")),
            "cudnn_conv_algo_search": self.search,
            "arena_extend_strategy": "kSameAsRequested",
            "enable_cuda_graph": str(int(self.recorded)),
        }


def ways(graph: str) -> list[Way]:
    """Return the ways of running a graph: each kind of buffer in each kind of number, and for convolutions each search."""
    kinds: tuple[Numbers, ...] = ("fp32", "tf32", "fp16")
    found = [Way(numbers, buffers) for numbers in kinds for buffers in ("run", "device", "pinned")]
    found += [Way(numbers, "device", recorded=True) for numbers in kinds if numbers != "tf32"]
    if graph == "convolutions":
        found += [Way("fp32", "device", search=search) for search in ("DEFAULT", "EXHAUSTIVE")]
    return found


class Session:
    """One graph loaded in one way."""

    def __init__(self, path: Path, way: Way, device: Device, profile: Path | None = None) -> None:
        import onnxruntime

        self.way, self.device = way, device
        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        if profile:
            options.enable_profiling, options.profile_file_prefix = True, str(profile)
        providers = ["CPUExecutionProvider"] if device == "cpu" else [(CUDA, way.options())]
        self.inner = onnxruntime.InferenceSession(str(path), options, providers=providers)
        if device == "cuda" and self.inner.get_providers()[0] != CUDA:
            raise RuntimeError(f"the session runs on {self.inner.get_providers()[0]}")

    def caller(self, values: np.ndarray) -> Caller:
        """Return what answers batches of one shape, float32, starting with `values`."""
        kinds: dict[str, type[Caller]] = {"run": Caller, "device": OnDevice, "pinned": Pinned}
        return kinds[self.way.buffers](self, values)

    def shape(self, batch: int) -> list[int]:
        """Return the shape of an answer."""
        return [size if isinstance(size, int) else batch for size in self.inner.get_outputs()[0].shape]


class Caller:
    """Answers a batch from and to numpy, as `InferenceSession.run` does."""

    def __init__(self, session: Session, values: np.ndarray) -> None:
        self.session, self.values = session, values

    def __call__(self) -> None:
        """Answer the batch once; what is timed."""
        self.taken = np.asarray(self.session.inner.run(None, {"input": self.values})[0])

    def answer(self, values: np.ndarray) -> np.ndarray:
        """Return the answer to another batch of the same shape, by the same call."""
        self.values = values
        self()
        return self.taken.copy()


class OnDevice(Caller):
    """Answers a batch that lies on the device and leaves the answer there; a CUDA graph is recorded at the first call."""

    def __init__(self, session: Session, values: np.ndarray) -> None:
        import onnxruntime

        super().__init__(session, values.copy())  # on the CPU the bound value is this very memory
        value, where = onnxruntime.OrtValue, session.device
        self._given = value.ortvalue_from_numpy(self.values, where, 0)
        self._left = value.ortvalue_from_shape_and_type(session.shape(len(values)), np.float32, where, 0)
        self._binding = session.inner.io_binding()
        self._binding.bind_ortvalue_input("input", self._given)
        self._binding.bind_ortvalue_output("output", self._left)
        self._run = onnxruntime.RunOptions()
        if session.way.recorded:
            self._run.add_run_config_entry("gpu_graph_id", str(len(values)))

    def __call__(self) -> None:
        """Answer the batch once, to the end."""
        self.session.inner.run_with_iobinding(self._binding, self._run)
        self._binding.synchronize_outputs()

    def answer(self, values: np.ndarray) -> np.ndarray:
        """Return the answer to another batch, written over the one that was bound."""
        self._given.update_inplace(values)
        self()
        return np.array(self._left.numpy())


class Pinned(Caller):
    """Answers a batch in memory of the host that the device reads and writes itself, and that torch reserves.

    onnxruntime copies an input when it is bound, so it is bound anew for each call.
    """

    def __init__(self, session: Session, values: np.ndarray) -> None:
        import torch

        super().__init__(session, values)
        pinned = session.device == "cuda"
        given = torch.from_numpy(values)
        self._given: Any = given.pin_memory() if pinned else given.clone()
        self._taken: Any = torch.empty(session.shape(len(values)), dtype=torch.float32, pin_memory=pinned)
        self._binding = session.inner.io_binding()
        self._binding.bind_output("output", "cpu", 0, np.float32, list(self._taken.shape), self._taken.data_ptr())

    def __call__(self) -> None:
        """Copy the batch to the device, answer it once, and have the answer back."""
        given = self._given
        self._binding.bind_input("input", "cpu", 0, np.float32, list(given.shape), given.data_ptr())
        self.session.inner.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()

    def answer(self, values: np.ndarray) -> np.ndarray:
        """Return the answer to another batch, written over the one before."""
        self._given.numpy()[...] = values
        self()
        return np.array(self._taken.numpy())
