"""What is measured of a graph on a device: times, agreement, where nodes run, energy, memory, share of the limits."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gpu_graphs
import numpy as np
from gpu_ways import Session, Way, ways

from tasks.evidence import DeviceUse, Unmeasured
from tasks.performance.gpu.monitor import DeviceWatch

if TYPE_CHECKING:
    from gpu_ways import Device, Numbers

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
ENERGY_BATCH, AGREEMENT_BATCH = 32, 8
LEAST_CALLS, WARMUP_CALLS = 20, 5
CONFIDENCE = 0.95
# Dense operations a second by type of number, and bytes a second, by NVML's name of the device. Of the H100s as NVIDIA's
# specification gives them for SXM and PCIe, halved where it counts sparsity; the H200 computes as the H100 SXM does.
SXM = {"fp32": 67e12, "tf32": 494.5e12, "fp16": 989.5e12, "bytes": 3.35e12}
LIMITS = {
    "NVIDIA H100 80GB HBM3": SXM,
    "NVIDIA H100 PCIe": {"fp32": 51e12, "tf32": 378e12, "fp16": 756.5e12, "bytes": 2.0e12},
    "NVIDIA H200": SXM | {"bytes": 4.8e12},
}
BYTES = {"fp32": 4, "tf32": 4, "fp16": 2}


def inputs(model: Any, batch: int) -> np.ndarray:
    """Return a batch of inputs, float32, drawn with a fixed seed."""
    sizes = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim][1:]
    return np.random.default_rng(batch).normal(0, 1, (batch, *sizes)).astype(np.float32)


def bounds(seconds: list[float]) -> dict[str, float]:
    """Return the median of some times in milliseconds, its exact bounds at 95% by order statistics, and how many there were.

    Fewer than six times have no such bounds, and get their least and most. The ranks are those of
    `tasks.statistics.quantile_interval`, which needs scipy, as the machine of a GPU need not.
    """
    ordered, count = np.sort(np.asarray(seconds)) * 1e3, len(seconds)
    below, rank = 0.0, 0  # the chance that at most `rank` - 1 of the times lie below the true median
    while rank < count // 2:
        chance = math.exp(math.lgamma(count + 1) - math.lgamma(rank + 1) - math.lgamma(count - rank + 1)) * 0.5**count
        if below + chance > (1 - CONFIDENCE) / 2:
            break
        below, rank = below + chance, rank + 1
    low = max(rank - 1, 0)
    return {
        "median_ms": float(np.median(ordered)),
        "low_ms": float(ordered[low]),
        "high_ms": float(ordered[count - 1 - low]),
        "calls": count,
    }


def times(model: Any, paths: dict[Numbers, Path], graph: str, device: Device, seconds: float) -> dict[str, Any]:
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


def agreement(model: Any, paths: dict[Numbers, Path], graph: str, device: Device) -> dict[str, Any]:
    """Return the largest difference of each way's answers from those of a plain fp32 run, over their root mean square.

    Each answers other values than those of its first call.
    """
    values, found = inputs(model, AGREEMENT_BATCH), {}
    others = values[::-1].copy()
    plain = Session(paths["fp32"], Way(), device).caller(values).answer(others)
    scale = float(np.sqrt(np.mean(plain.astype(np.float64) ** 2)))
    for way in ways(graph):
        try:
            caller = Session(paths[way.numbers], way, device).caller(values)
            caller()  # a recorded graph is recorded here, and has to answer other values than these
            answer = caller.answer(others)
            found[way.name] = float(np.abs(answer - plain).max()) / scale
        except Exception as error:  # noqa: BLE001  same
            found[way.name] = unmeasured(error)
    return found


def provider(model: Any, paths: dict[Numbers, Path], device: Device, folder: Path) -> dict[str, Any]:
    """Return how many nodes ran on which provider, and the host's seconds for them, from the session's own profile.

    On a device the host's seconds are those of launching the work there, not of the work.
    """
    found: dict[str, Any] = {}
    for numbers, path in paths.items():
        if numbers == "tf32":
            continue
        session = Session(path, Way(numbers), device, folder / "profile")
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
        found[numbers] = {"nodes": {ran: len(names) for ran, names in nodes.items()}, "host_seconds": spent}
    return found


def energy(model: Any, paths: dict[Numbers, Path], device: Device, seconds: float) -> dict[str, Any]:
    """Return joules a request, idle power included, and what the device did meanwhile, of each kind of number on its own."""
    found: dict[str, Any] = {}
    for numbers, path in paths.items():
        call = Session(path, Way(numbers, "device"), device).caller(inputs(model, ENERGY_BATCH))
        call()
        calls, until = 0, time.perf_counter() + max(2.0, 4 * seconds)
        with DeviceWatch() as watch:
            while time.perf_counter() < until:
                call()
                calls += 1
        seen = watch.seen
        if isinstance(seen, Unmeasured):
            found[numbers] = {"unmeasured": seen.why}
        else:
            each = None if seen.joules is None else seen.joules / (calls * ENERGY_BATCH)
            found[numbers] = {"joules_a_request": each, "batch": ENERGY_BATCH} | seen.model_dump()
    return found


def memory(path: Path, model: Any, device: Device) -> dict[str, Any]:
    """Return the most device memory at each batch size by NVML, the arena's own growth; a session each, since arenas stay."""
    found: dict[str, Any] = {}
    for batch in BATCHES:
        with DeviceWatch() as watch:
            call = Session(path, Way(buffers="device"), device).caller(inputs(model, batch))
            call()
        del call  # held to here, so that its memory is counted
        seen = watch.seen
        if isinstance(seen, Unmeasured):
            return {"unmeasured": seen.why}
        found[str(batch)] = {"used_bytes": seen.used_bytes_max, "own_bytes": seen.own_bytes}
    return found


def share(model: Any, timed: dict[str, Any], seen: DeviceUse | Unmeasured) -> dict[str, Any]:
    """Return what share of the device's operations and bytes a second each way and batch achieved."""
    if isinstance(seen, Unmeasured):
        return {"unmeasured": seen.why}
    known = LIMITS.get(seen.name)
    if known is None or seen.mig:
        return {"unmeasured": f"the limits of {'a part of ' * seen.mig}{seen.name} are not known here"}
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
