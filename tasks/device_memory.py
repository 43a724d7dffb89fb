"""What NVML tells of the GPU that some processes use: their memory on it, what else runs there, and what may slow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.evidence import Device, Unmeasured

if TYPE_CHECKING:
    from collections.abc import Collection

STAGE = "device memory"
PREFIX = "nvmlClocksEventReason"
NO_REASONS = {"None", "All"}  # names that NVML has beside those of single reasons
MILLIWATTS = 1000


def read_device(pids: Collection[int]) -> Device | Unmeasured:
    """Return the GPU that `pids` use, or why there is none to read.

    It is the one on which NVML lists one of them. In a container NVML lists the host's process ids: there it is the only
    GPU with at most one process, which is taken to be theirs.
    """
    try:
        import pynvml
    except ImportError:
        return _none("nvidia-ml-py is not installed; install infra/locks/gpu.txt")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return _none(f"NVML does not start: {error}")
    try:
        return _read(pynvml, pids)
    except pynvml.NVMLError as error:
        return _none(f"NVML can't read the GPU: {error}")
    finally:
        pynvml.nvmlShutdown()


def _read(nvml: Any, pids: Collection[int]) -> Device | Unmeasured:
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    processes = [nvml.nvmlDeviceGetComputeRunningProcesses(handle) for handle in handles]
    for handle, listed in zip(handles, processes, strict=True):
        own = [process.usedGpuMemory for process in listed if process.pid in pids]
        if own and None not in own:
            return _device(nvml, handle, sum(own), len(listed) - len(own))
    if len(handles) == 1 and len(processes[0]) <= 1:
        return _device(nvml, handles[0], nvml.nvmlDeviceGetMemoryInfo(handles[0]).used, 0)
    return _none(
        f"NVML lists none of the processes {sorted(pids)} with its memory on {len(handles)} GPUs, and they are not alone "
        "there; leave one GPU to the launch"
    )


def _device(nvml: Any, handle: Any, held_bytes: int, others: int) -> Device:
    memory, slowed = nvml.nvmlDeviceGetMemoryInfo(handle), nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    return Device(
        name=nvml.nvmlDeviceGetName(handle),
        held_bytes=held_bytes,
        used_bytes=memory.used,
        total_bytes=memory.total,
        other_processes=others,
        clock_mhz=nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
        memory_clock_mhz=nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
        power_watts=nvml.nvmlDeviceGetPowerUsage(handle) / MILLIWATTS,
        temperature_celsius=nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
        clocks_held_by=_reasons(nvml, slowed),
    )


def _reasons(nvml: Any, bits: int) -> tuple[str, ...]:
    """Return NVML's names of what holds the clocks where they are."""
    names = sorted(name.removeprefix(PREFIX) for name in vars(nvml) if name.startswith(PREFIX))
    return tuple(name for name in names if name not in NO_REASONS and getattr(nvml, PREFIX + name) & bits)


def _none(why: str) -> Unmeasured:
    return Unmeasured(stage=STAGE, why=why)
