"""What a device does while something is measured, and why there is none to tell of."""

from __future__ import annotations

import os
import shutil
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.evidence import DeviceUse, Unmeasured
from tasks.performance.gpu.monitor import DeviceWatch


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine may have a GPU")
def test_a_machine_without_a_device_is_watched_in_vain() -> None:
    """What was measured meanwhile stands; of the device there is a reason and no number."""
    with DeviceWatch() as watch:
        done = sum(range(1000))
    assert done == 499_500
    assert isinstance(watch.seen, Unmeasured)
    assert watch.seen.why.startswith(
        ("nvidia-ml-py is not installed", "NVML does not start: ", "NVML tells of no device")
    )


class NotToldError(Exception):
    """Stands for pynvml's NVMLError."""


def nvml_with(monkeypatch: pytest.MonkeyPatch, pids: list[int], silent: str = "") -> None:
    """Stand in for NVML on a machine with one device that lists these processes and does not answer one question."""

    def told(name: str, value: Any) -> Any:
        def answer(*_: Any) -> Any:
            if name == silent:
                raise NotToldError(name)
            return value

        return answer

    answers = {
        "MemoryInfo": SimpleNamespace(used=900, total=1000), "ClockInfo": 1500, "MaxClockInfo": 2000, "PowerUsage": 250_500,
        "EnforcedPowerLimit": 700_000, "Temperature": 60, "CurrentClocksThrottleReasons": 0x4 | 0x1, "MigMode": (0, 0),
        "TotalEnergyConsumption": 5_000, "HandleByIndex": 0, "HandleByUUID": 0, "Name": "some",
        "ComputeRunningProcesses": [SimpleNamespace(pid=pid, usedGpuMemory=300) for pid in pids],
    }  # fmt: skip
    stand_in = SimpleNamespace(
        NVMLError=NotToldError, NVML_CLOCK_SM=1, NVML_CLOCK_MEM=2, NVML_TEMPERATURE_GPU=0, nvmlInit=lambda: None,
        nvmlShutdown=lambda: None, nvmlSystemGetDriverVersion=lambda: "580",
        **{f"nvmlDeviceGet{name}": told(name, value) for name, value in answers.items()},
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)


def watched() -> DeviceUse:
    """Return what is seen of the device."""
    with DeviceWatch() as watch:
        time.sleep(0.15)
    assert isinstance(watch.seen, DeviceUse)
    return watch.seen


def test_the_device_is_told_apart_from_what_others_do_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside another process; the reasons that only say that it was idle do not count."""
    nvml_with(monkeypatch, [os.getpid(), 1])
    seen = watched()
    assert (seen.own_bytes, seen.other_processes) == (300, 1)
    assert (seen.name, seen.throttled, seen.joules) == ("some", ("power cap",), 0)
    assert seen.watts_mean == pytest.approx(250.5)
    assert seen.samples >= 3


def test_in_a_container_nobody_knows_whose_the_processes_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML lists the host's process ids: none is ours, and none is known to be another's. An idle device has none at all."""
    nvml_with(monkeypatch, [40_000])
    seen = watched()
    assert (seen.own_bytes, seen.other_processes) == (None, None)
    nvml_with(monkeypatch, [])
    assert (watched().own_bytes, watched().other_processes) == (0, 0)


@pytest.mark.parametrize("silent", ["PowerUsage", "TotalEnergyConsumption", "MigMode", "ComputeRunningProcesses"])
def test_what_the_driver_does_not_tell_loses_nothing_else(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    """Not every device and driver answers every question."""
    nvml_with(monkeypatch, [os.getpid()], silent)
    seen = watched()
    assert (seen.sm_mhz_mean, seen.celsius_max, seen.used_bytes_max) == (1500, 60, 900)
    assert (seen.watts_mean is None) == (silent == "PowerUsage")
    assert (seen.own_bytes is None) == (silent == "ComputeRunningProcesses")
    assert seen.joules == (pytest.approx(250.5 * seen.seconds) if silent == "TotalEnergyConsumption" else 0)
