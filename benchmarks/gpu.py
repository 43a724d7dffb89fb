"""The GPU side, standalone: where nodes run, how fast, in how much memory, at what power, and how near the device's limits.

Needs numpy, pydantic, psutil, onnx and onnxruntime-gpu; nvidia-ml-py for clocks and power, and torch only to find
CUDA. Two graphs are made on the spot: an encoder of MiniLM's size over 128 tokens, and a stack of convolutions. Ways of
running them take turns, batch by batch. Whatever cannot be measured says why, and one failure stops nothing else.
Operations and bytes are counted from the graph; the device's limits are its data sheet's.
`python benchmarks/gpu.py [--out FILE] [--seconds N]`; without a device it says so, and keeps nothing but FILE.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gpu_graphs
import numpy as np
from harness import RESULTS, environment

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tasks.device import DeviceWatch  # noqa: E402
from tasks.evidence import DeviceUse, Unmeasured  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

Device = Literal["cuda", "cpu"]

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
ENERGY_BATCH, AGREEMENT_BATCH = 32, 8
LEAST_CALLS, WARMUP_CALLS = 20, 5
CUDA = "CUDAExecutionProvider"
# dense, without sparsity: operations a second by type of number, and bytes a second. From memory of NVIDIA's data sheets: check
# them against the sheet before a share is quoted.
LIMITS = {
    "H100 PCIe": {"fp32": 51e12, "tf32": 378e12, "fp16": 756e12, "bytes": 2.0e12},
    "H100": {"fp32": 67e12, "tf32": 494.7e12, "fp16": 989.4e12, "bytes": 3.35e12},
    "H200": {"fp32": 67e12, "tf32": 494.7e12, "fp16": 989.4e12, "bytes": 4.8e12},
}
BYTES = {"fp32": 4, "tf32": 4, "fp16": 2}


@dataclass(frozen=True)
class Way:
    """How a graph is run: in which numbers, with which buffers, whether recorded as a CUDA graph, and cuDNN's search."""

    numbers: Literal["fp32", "tf32", "fp16"] = "fp32"
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
    found = [Way(numbers, buffers) for numbers in ("fp32", "tf32", "fp16") for buffers in ("run", "device", "pinned")]
    found += [Way(numbers, "device", recorded=True) for numbers in ("fp32", "fp16")]
    if graph == "convolutions":
        found += [Way("fp32", "device", search=search) for search in ("DEFAULT", "EXHAUSTIVE")]
    return found


class Session:
    """One graph loaded in one way."""

    def __init__(self, path: Path, way: Way, device: Device, profile: Path | None = None) -> None:
        import onnxruntime

        self._ort, self.way, self._device = onnxruntime, way, device
        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        if profile:
            options.enable_profiling, options.profile_file_prefix = True, str(profile)
        providers = ["CPUExecutionProvider"] if device == "cpu" else [(CUDA, way.options())]
        self.inner = onnxruntime.InferenceSession(str(path), options, providers=providers)
        if device == "cuda" and self.inner.get_providers()[0] != CUDA:
            raise RuntimeError(f"the session runs on {self.inner.get_providers()[0]}")

    def caller(self, values: np.ndarray) -> Callable[[], np.ndarray]:
        """Return what answers a batch once: from and to numpy, or in buffers that lie on the device.

        `pinned` buffers lie in the host's memory where the device reads them itself; results are copied to it too, as the
        caller needs them there. A CUDA graph is recorded at the first call, one a shape.
        """
        if self.way.buffers == "run":
            return lambda: np.asarray(self.inner.run(None, {"input": values})[0])
        where = "cuda_pinned" if self.way.buffers == "pinned" and self._device == "cuda" else self._device
        ort, binding = self._ort, self.inner.io_binding()
        given = ort.OrtValue.ortvalue_from_numpy(values, where, 0)
        binding.bind_ortvalue_input("input", given)
        shape = [size if isinstance(size, int) else len(values) for size in self.inner.get_outputs()[0].shape]
        taken = ort.OrtValue.ortvalue_from_shape_and_type(shape, np.float32, where, 0)
        binding.bind_ortvalue_output("output", taken)
        run = ort.RunOptions()
        if self.way.recorded:
            run.add_run_config_entry("gpu_graph_id", str(len(values)))

        def call() -> np.ndarray:
            self.inner.run_with_iobinding(binding, run)
            binding.synchronize_outputs()
            return taken.numpy() if self.way.buffers == "pinned" else np.empty(0)

        call.result = lambda: (call(), taken.numpy())[1]  # type: ignore[attr-defined]
        return call


def result(call: Callable[[], np.ndarray]) -> np.ndarray:
    """Return what a call answers, copied from the device where it stays there."""
    return getattr(call, "result", call)()


def inputs(model: Any, batch: int) -> np.ndarray:
    """Return a batch of inputs, float32, drawn with a fixed seed."""
    sizes = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim][1:]
    return np.random.default_rng(batch).normal(0, 1, (batch, *sizes)).astype(np.float32)


def bounds(seconds: list[float]) -> dict[str, float]:
    """Return the median of some times in milliseconds with its 95% bounds, by order statistics, and how many there were."""
    ordered, count = sorted(seconds), len(seconds)
    reach = 0.98 * count**0.5
    low, high = max(0, int(count / 2 - reach)), min(count - 1, int(count / 2 + reach))
    middle = float(np.median(ordered))
    return {"median_ms": 1e3 * middle, "low_ms": 1e3 * ordered[low], "high_ms": 1e3 * ordered[high], "calls": count}


def times(model: Any, paths: dict[str, Path], graph: str, device: Device, seconds: float) -> dict[str, Any]:
    """Return the milliseconds of a call by way and batch; the ways take turns call by call."""
    found: dict[str, Any] = {}
    sessions: dict[str, Session] = {}
    for way in ways(graph):
        try:
            sessions[way.name] = Session(paths[way.numbers], way, device)
        except Exception as error:  # noqa: BLE001  the others are measured all the same
            found[way.name] = unmeasured(error)
    for batch in BATCHES:
        values, callers = inputs(model, batch), {}
        for name, session in sessions.items():
            try:
                callers[name] = session.caller(values)
                for _ in range(WARMUP_CALLS):
                    callers[name]()
            except Exception as error:  # noqa: BLE001  same
                found.setdefault(name, {})[str(batch)] = unmeasured(error)
                callers.pop(name, None)
        taken: dict[str, list[float]] = {name: [] for name in callers}
        until, turns = time.perf_counter() + seconds * len(callers), 0
        while callers and (turns < LEAST_CALLS or time.perf_counter() < until):
            for name, call in callers.items():
                begun = time.perf_counter()
                call()
                taken[name].append(time.perf_counter() - begun)
            turns += 1
        for name, each in taken.items():
            found.setdefault(name, {})[str(batch)] = bounds(each)
        say(f"{graph}, batch {batch}: {turns} turns of {len(callers)} ways")
    return found


def agreement(model: Any, paths: dict[str, Path], graph: str, device: Device) -> dict[str, Any]:
    """Return the largest difference of each way's answers from those of a plain fp32 run, over their root mean square."""
    values, found = inputs(model, AGREEMENT_BATCH), {}
    plain = result(Session(paths["fp32"], Way(), device).caller(values))
    scale = float(np.sqrt(np.mean(plain.astype(np.float64) ** 2)))
    for way in ways(graph):
        try:
            answer = result(Session(paths[way.numbers], way, device).caller(values))
            found[way.name] = float(np.abs(answer - plain).max()) / scale
        except Exception as error:  # noqa: BLE001  same
            found[way.name] = unmeasured(error)
    return found


def provider(model: Any, paths: dict[str, Path], device: Device, folder: Path) -> dict[str, Any]:
    """Return how many nodes ran on which provider and for how many seconds, from the session's own profile."""
    found: dict[str, Any] = {}
    for numbers, path in paths.items():
        if numbers == "tf32":
            continue
        session = Session(path, Way(numbers), device, folder / "profile")  # type: ignore[arg-type]
        call = session.caller(inputs(model, AGREEMENT_BATCH))
        for _ in range(WARMUP_CALLS):
            call()
        nodes: dict[str, set[str]] = {}
        spent: dict[str, float] = {}
        for event in json.loads(Path(session.inner.end_profiling()).read_text()):
            ran = event.get("args", {}).get("provider")
            if event.get("cat") == "Node" and ran:
                nodes.setdefault(ran, set()).add(event["name"])
                spent[ran] = spent.get(ran, 0.0) + event["dur"] / 1e6
        found[numbers] = {"nodes": {ran: len(names) for ran, names in nodes.items()}, "seconds": spent}
    return found


def energy(model: Any, paths: dict[str, Path], device: Device, seconds: float) -> dict[str, Any]:
    """Return joules a request, idle power included, and what the device did meanwhile, of each kind of number on its own."""
    found: dict[str, Any] = {}
    for numbers, path in paths.items():
        call = Session(path, Way(numbers, "device"), device).caller(inputs(model, ENERGY_BATCH))  # type: ignore[arg-type]
        call()
        calls, until = 0, time.perf_counter() + max(2.0, 4 * seconds)
        with DeviceWatch() as watch:
            while time.perf_counter() < until:
                call()
                calls += 1
        seen = watch.seen
        found[numbers] = (
            {"unmeasured": seen.why}
            if isinstance(seen, Unmeasured)
            else {"joules_a_request": seen.joules / (calls * ENERGY_BATCH), "batch": ENERGY_BATCH} | seen.model_dump()
        )
    return found


def memory(path: Path, model: Any, device: Device) -> dict[str, Any]:
    """Return the most device memory at each batch size by NVML, the arena's own growth; a session each, since arenas stay."""
    found: dict[str, Any] = {}
    for batch in BATCHES:
        with DeviceWatch() as watch:
            Session(path, Way(buffers="device"), device).caller(inputs(model, batch))()
            time.sleep(0.2)
        seen = watch.seen
        if isinstance(seen, Unmeasured):
            return {"unmeasured": seen.why}
        found[str(batch)] = {"used_bytes": seen.used_bytes_max, "own_bytes": seen.own_bytes}
    return found


def share(model: Any, timed: dict[str, Any], device_name: str) -> dict[str, Any]:
    """Return what share of the device's operations and bytes a second each way and batch achieved."""
    known = next((limits for name, limits in LIMITS.items() if name in device_name), None)
    if known is None:
        return {"unmeasured": f"the limits of {device_name} are not known here"}
    found: dict[str, Any] = {}
    for name, by_batch in timed.items():
        numbers = name.split("-")[0]
        for batch, took in by_batch.items():
            if not isinstance(took, dict) or "median_ms" not in took:
                continue
            operations, values = gpu_graphs.counted(model, int(batch))
            seconds = took["median_ms"] / 1e3
            found.setdefault(name, {})[batch] = {
                "operations": operations / seconds / known[numbers],
                "bytes": BYTES[numbers] * values / seconds / known["bytes"],
            }
    return found


def unmeasured(error: Exception) -> dict[str, str]:
    """Return what stands for a figure that could not be taken."""
    return {"unmeasured": " ".join(str(error).split())[:300] or type(error).__name__}


def say(text: str) -> None:
    """Print progress."""
    print(text, flush=True)


def measure(device: Device, device_name: str, seconds: float) -> dict[str, Any]:
    """Return every figure of both graphs, each one that failed as the reason why."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder:
        for graph, make in gpu_graphs.GRAPHS.items():
            model, into = make(), Path(folder)
            paths = {"fp32": gpu_graphs.save(model, into / f"{graph}.onnx")}
            paths["tf32"] = paths["fp32"]
            items: dict[str, Any] = {}
            try:
                paths["fp16"] = gpu_graphs.save(gpu_graphs.half(model), into / f"{graph}-fp16.onnx")
            except Exception as error:  # noqa: BLE001  float32 is measured all the same
                items["fp16"] = unmeasured(error)
            parts: dict[str, Callable[[], Any]] = {
                "provider": lambda: provider(model, paths, device, into),  # noqa: B023  called before the next
                "agreement": lambda: agreement(model, paths, graph, device),  # noqa: B023
                "times": lambda: times(model, paths, graph, device, seconds),  # noqa: B023
                "memory": lambda: memory(paths["fp32"], model, device),  # noqa: B023
                "energy": lambda: energy(model, paths, device, seconds),  # noqa: B023
                "share": lambda: share(model, items["times"], device_name),  # noqa: B023
            }
            for part, take in parts.items():
                try:
                    items[part] = take()
                except Exception as error:  # noqa: BLE001  the other parts are measured all the same
                    items[part] = unmeasured(error)
                say(f"{graph}: {part} done")
            found[graph] = items
    return found


def absent(why: str) -> dict[str, Any]:
    """Return the same figures where there is no device: each one says why."""
    parts = ("provider", "agreement", "times", "memory", "energy", "share")
    return {graph: {part: {"unmeasured": why} for part in parts} for graph in gpu_graphs.GRAPHS}


def reason_for_none() -> str | None:
    """Return why there is nothing to measure here, None where there is a device that onnxruntime runs on."""
    with contextlib.suppress(ImportError):
        import torch  # noqa: F401  its CUDA libraries are then found
    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder:
        path = gpu_graphs.save(gpu_graphs.convolutions(), Path(folder) / "probe.onnx")
        try:
            Session(path, Way(), "cuda")
        except Exception as error:  # noqa: BLE001  whatever it is, nothing runs on a device
            return str(unmeasured(error)["unmeasured"])
    return None


def main() -> None:
    """Measure, keep the result, and print where it is."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--out", type=Path, help="also write the result there")
    asked.add_argument("--seconds", type=float, default=0.25, help="of calls, each way and batch size")
    options = asked.parse_args()
    why = reason_for_none()
    with DeviceWatch() as watch:
        figures = absent(why) if why else measure("cuda", _device_name(), options.seconds)
    device = watch.seen.model_dump() if isinstance(watch.seen, DeviceUse) else {"unmeasured": watch.seen.why}
    found = {"name": "gpu", "environment": environment(), "device": device, "figures": figures}
    text = json.dumps(found, indent=2) + "\n"
    if options.out:
        options.out.write_text(text)
    if why:
        say(f"all is unmeasured, since no session runs on a GPU here: {why}")
        return
    (RESULTS / "gpu.json").write_text(text)
    say(f"gpu device={_device_name()} kept in {RESULTS / 'gpu.json'}")


def _device_name() -> str:
    with DeviceWatch() as watch:
        pass
    return watch.seen.name if isinstance(watch.seen, DeviceUse) else "a device that NVML does not tell of"


if __name__ == "__main__":
    main()
