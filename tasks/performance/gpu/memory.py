"""What some processes hold of a GPU's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core.errors import StageError
from tasks.evidence import Device, Unmeasured
from tasks.performance.gpu import nvml

if TYPE_CHECKING:
    from collections.abc import Collection

STAGE = "device memory"


def read_device(pids: Collection[int]) -> Device | Unmeasured:
    """Return the GPU that `pids` use, or why there is none to read.

    It is the one on which NVML lists one of them. In a container NVML lists the host's process ids, or none: there it is
    the only GPU with at most one process, which is taken to be theirs.
    """
    try:
        binding = nvml.start()
    except StageError as error:
        return Unmeasured(stage=STAGE, why=str(error))
    try:
        return _read(binding, pids)
    except binding.NVMLError as error:
        return Unmeasured(stage=STAGE, why=f"NVML can't read the GPU: {error}")
    finally:
        binding.nvmlShutdown()


def _read(binding: Any, pids: Collection[int]) -> Device | Unmeasured:
    found = [(gpu, gpu.held(pids)) for gpu in nvml.all_gpus(binding)]
    device = next((_device(gpu, held.own_bytes, held.others) for gpu, held in found if held.own_bytes), None)
    if device is None and len(found) == 1 and found[0][1].listed in {0, 1}:
        device = _device(found[0][0], None, 0 if found[0][1].listed else None)
    return device or Unmeasured(
        stage=STAGE,
        why=f"NVML lists none of the processes {sorted(pids)} with its memory on {len(found)} GPUs, and they are not alone "
        "there; leave one GPU to the launch",
    )


def _device(gpu: nvml.Gpu, held_bytes: int | None, others: int | None) -> Device | None:
    """Return the device, held by one process alone where `held_bytes` is not told; None where it tells no memory."""
    memory = gpu.told("MemoryInfo")
    if memory is None:
        return None
    return Device(
        name=gpu.name,
        held_bytes=memory.used if held_bytes is None else held_bytes,
        used_bytes=memory.used,
        total_bytes=memory.total,
        other_processes=others,
    )
