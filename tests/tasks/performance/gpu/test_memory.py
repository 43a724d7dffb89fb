"""What is told of a GPU, and why there is none to tell of."""

from __future__ import annotations

import builtins
import os
import shutil
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.evidence import Device, Unmeasured
from tasks.performance.gpu.memory import read_device


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine may have a GPU")
def test_without_a_gpu_it_is_unmeasured_with_the_reason() -> None:
    """Whether NVML's binding is installed or not."""
    found = read_device({os.getpid()})
    assert isinstance(found, Unmeasured)
    assert found.why.startswith(("NVML does not start: ", "nvidia-ml-py is not installed; install infra/locks/gpu.txt"))


def test_without_the_binding_it_is_unmeasured_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the lock of machines with a GPU alone."""
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name == "pynvml":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    found = read_device({os.getpid()})
    assert isinstance(found, Unmeasured)
    assert found.why == "nvidia-ml-py is not installed; install infra/locks/gpu.txt"


def test_a_gpu_is_read_where_its_process_is_listed() -> None:
    """The real one, by a process that holds memory there, on a machine that has one."""
    nvml = pytest.importorskip("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        pytest.skip("this machine has no GPU")
    found = read_device({os.getpid()})
    assert isinstance(found, Unmeasured) or 0 <= found.held_bytes <= found.used_bytes <= found.total_bytes


class NoGpu(Exception):  # noqa: N818  named as what it stands for
    """Stands for pynvml's NVMLError."""


def nvml_with(monkeypatch: pytest.MonkeyPatch, *gpus: dict[int, int | None]) -> None:
    """Stand in for NVML on a machine with GPUs, each with the memory of the processes that it lists."""

    def processes(index: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in gpus[index].items()]

    stand_in = SimpleNamespace(
        NVMLError=NoGpu, nvmlInit=lambda: None, nvmlShutdown=lambda: None, nvmlDeviceGetCount=lambda: len(gpus),
        nvmlDeviceGetHandleByIndex=lambda index: index, nvmlDeviceGetComputeRunningProcesses=processes,
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=900, total=1000), nvmlDeviceGetName=lambda _: "some",
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)


def test_its_memory_is_that_of_its_processes_on_the_gpu_that_lists_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside another process there, and another GPU that is busy."""
    nvml_with(monkeypatch, {8: 500}, {1: 300, 2: 50, 9: 100})
    assert read_device({1, 2, 3}) == Device(
        name="some", held_bytes=350, used_bytes=900, total_bytes=1000, other_processes=1,
    )  # fmt: skip


def test_in_a_container_the_only_process_of_the_only_gpu_is_taken_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML lists the host's process ids there, or none, and then others neither; of two processes, or GPUs, nobody can say."""
    nvml_with(monkeypatch, {40_000: 300})
    found = read_device({1})
    assert isinstance(found, Device)
    assert (found.held_bytes, found.other_processes) == (900, 0)
    nvml_with(monkeypatch, {})
    unlisted = read_device({1})
    assert isinstance(unlisted, Device)
    assert (unlisted.held_bytes, unlisted.other_processes) == (900, None)
    for gpus in (({40_000: 300, 40_001: 1},), ({40_000: 300}, {}), ({1: None, 2: None},)):
        nvml_with(monkeypatch, *gpus)
        nobody = read_device({1})
        assert isinstance(nobody, Unmeasured)
        assert "leave one GPU to the launch" in nobody.why


def test_the_stand_in_has_the_names_of_the_real_binding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the tests above would prove nothing."""
    real = pytest.importorskip("pynvml")
    nvml_with(monkeypatch, {})
    assert set(vars(sys.modules["pynvml"])) <= set(vars(real))
