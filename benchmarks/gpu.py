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
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

import gpu_figures  # noqa: E402
import gpu_graphs  # noqa: E402
from gpu_figures import say, unmeasured  # noqa: E402
from gpu_ways import Session, Way  # noqa: E402
from harness import RESULTS, environment  # noqa: E402

from tasks.evidence import DeviceUse, Unmeasured  # noqa: E402
from tasks.performance.gpu.monitor import DeviceWatch  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_ways import Device, Numbers


def measure(device: Device, seen: DeviceUse | Unmeasured, seconds: float) -> dict[str, Any]:
    """Return every figure of both graphs, each one that failed as the reason why."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder:
        for graph, make in gpu_graphs.GRAPHS.items():
            model, into = make(), Path(folder)
            paths: dict[Numbers, Path] = {"fp32": gpu_graphs.save(model, into / f"{graph}.onnx")}
            paths["tf32"] = paths["fp32"]
            items: dict[str, Any] = {}
            try:
                paths["fp16"] = gpu_graphs.save(gpu_graphs.half(model), into / f"{graph}-fp16.onnx")
            except Exception as error:  # noqa: BLE001  float32 is measured all the same
                items["fp16"] = unmeasured(error)
            parts: dict[str, Callable[[], Any]] = {
                "provider": lambda: gpu_figures.provider(model, paths, device, into),  # noqa: B023  called before the next
                "agreement": lambda: gpu_figures.agreement(model, paths, graph, device),  # noqa: B023
                "times": lambda: gpu_figures.times(model, paths, graph, device, seconds),  # noqa: B023
                "memory": lambda: gpu_figures.memory(paths["fp32"], model, device),  # noqa: B023
                "energy": lambda: gpu_figures.energy(model, paths, device, seconds),  # noqa: B023
                "share": lambda: gpu_figures.share(model, items["times"], seen),  # noqa: B023
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
        figures = absent(why) if why else measure("cuda", _device(), options.seconds)
    device = watch.seen.model_dump() if isinstance(watch.seen, DeviceUse) else {"unmeasured": watch.seen.why}
    found = {"name": "gpu", "environment": environment(), "device": device, "figures": figures}
    text = json.dumps(found, indent=2) + "\n"
    if options.out:
        options.out.write_text(text)
    if why:
        say(f"all is unmeasured, since no session runs on a GPU here: {why}")
        return
    (RESULTS / "gpu.json").write_text(text)
    say(f"gpu device={device.get('name', 'untold')} kept in {RESULTS / 'gpu.json'}")


def _device() -> DeviceUse | Unmeasured:
    with DeviceWatch() as watch:
        pass
    return watch.seen


if __name__ == "__main__":
    main()
