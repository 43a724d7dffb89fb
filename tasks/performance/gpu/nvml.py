"""GPUs as NVIDIA's management library (NVML) tells of them: what a device or its driver does not answer is None."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.core.errors import StageError

if TYPE_CHECKING:
    from collections.abc import Collection

VISIBLE = "CUDA_VISIBLE_DEVICES"


class Held(NamedTuple):
    """Whose a device is: bytes that some processes hold, how many others are on it, how many are listed; None is not told.

    In a container NVML lists the host's process ids: where none of them is known, those listed may be others or not.
    """

    own_bytes: int | None
    others: int | None
    listed: int | None


class Gpu:
    """One device."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle

    @property
    def name(self) -> str:
        """The device's name. Raises NVMLError."""
        return str(self._nvml.nvmlDeviceGetName(self._handle))

    def told(self, what: str, *which: int) -> Any:
        """Return the answer to nvmlDeviceGet<what>."""
        try:
            return getattr(self._nvml, f"nvmlDeviceGet{what}")(self._handle, *which)
        except self._nvml.NVMLError:
            return None

    def held(self, pids: Collection[int]) -> Held:
        """Return what the processes `pids` hold of the device's memory, and how many others are on it."""
        listed = self.told("ComputeRunningProcesses")
        if listed is None:
            return Held(None, None, None)
        own = [process.usedGpuMemory for process in listed if process.pid in pids]
        if listed and not own:
            return Held(None, None, len(listed))
        return Held(None if None in own else sum(own), len(listed) - len(own), len(listed))


def start() -> Any:
    """Return NVML's binding, started; `nvmlShutdown` ends it. Raises StageError where there is none."""
    try:
        import pynvml
    except ImportError as error:
        raise StageError("nvidia-ml-py is not installed; install infra/locks/gpu.txt") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise StageError(f"NVML does not start: {error}") from error
    return pynvml


def all_gpus(nvml: Any) -> list[Gpu]:
    """Return the machine's devices, those that CUDA is not shown included. Raises NVMLError."""
    return [Gpu(nvml, nvml.nvmlDeviceGetHandleByIndex(index)) for index in range(nvml.nvmlDeviceGetCount())]


def first_gpu(nvml: Any) -> Gpu:
    """Return the device that is CUDA's first. Raises NVMLError."""
    shown = os.environ.get(VISIBLE, "").split(",")[0].strip()
    if shown.startswith(("GPU-", "MIG-")):
        return Gpu(nvml, nvml.nvmlDeviceGetHandleByUUID(shown))
    return Gpu(nvml, nvml.nvmlDeviceGetHandleByIndex(int(shown) if shown.isdecimal() else 0))
