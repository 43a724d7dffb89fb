"""The GPU through NVML: sampled in a thread while something is measured on it."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import psutil

from tasks.core.errors import StageError
from tasks.evidence import DeviceUse, Unmeasured
from tasks.performance.gpu import nvml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

EVERY_SECONDS = 0.1
MILLI = 1e3
STAGE = "device"
# of nvmlClocksEventReasons: those by which a device is slower than it can be, not those that say it had nothing to do
REASONS = {
    0x4: "power cap", 0x8: "slowdown by hardware", 0x10: "clocks of a sync group", 0x20: "temperature, by software",
    0x40: "temperature, by hardware", 0x80: "power brake",
}  # fmt: skip


class GpuReading(NamedTuple):
    """One look at the device, None for what it does not tell."""

    at: float
    sm_mhz: float | None
    memory_mhz: float | None
    milliwatts: float | None
    celsius: float | None
    reasons: int | None
    used_bytes: int | None


class DeviceWatch:
    """Watches the first device that CUDA sees, from entering to leaving; `seen` then says what there was, or why nothing.

    Clocks, power, temperature and memory are asked for as often as `EVERY_SECONDS`; processes, which take NVML longer to
    list, before and after. A machine without a device, a driver or the package nvidia-ml-py is no error.
    """

    def __init__(self) -> None:
        self.seen: DeviceUse | Unmeasured = Unmeasured(stage=STAGE, why="nothing was watched yet")
        self._samples: list[GpuReading] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self._nvml = nvml.start()
        except StageError as error:
            self.seen = Unmeasured(stage=STAGE, why=str(error))
            return self
        try:
            self._gpu = nvml.first_gpu(self._nvml)
        except self._nvml.NVMLError as error:
            self.seen = Unmeasured(stage=STAGE, why=f"NVML tells of no device here: {error}")
            self._nvml.nvmlShutdown()
            return self
        self._before = self._held()
        self._begun, self._energy = time.monotonic(), self._gpu.told("TotalEnergyConsumption")
        self._samples.append(self._look())
        self._thread = threading.Thread(target=self._watch, name="device", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._samples.append(self._look())
        try:
            self.seen = self._summary()
        except self._nvml.NVMLError as lost:
            self.seen = Unmeasured(stage=STAGE, why=f"NVML lost the device: {lost}")
        self._nvml.nvmlShutdown()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._samples.append(self._look())

    def _look(self) -> GpuReading:
        told, names = self._gpu.told, self._nvml
        memory = told("MemoryInfo")
        return GpuReading(
            at=time.monotonic(),
            sm_mhz=told("ClockInfo", names.NVML_CLOCK_SM),
            memory_mhz=told("ClockInfo", names.NVML_CLOCK_MEM),
            milliwatts=told("PowerUsage"),
            celsius=told("Temperature", names.NVML_TEMPERATURE_GPU),
            reasons=told("CurrentClocksThrottleReasons"),
            used_bytes=None if memory is None else int(memory.used),
        )

    def _held(self) -> nvml.Held:
        return self._gpu.held({os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))})

    def _summary(self) -> DeviceUse:
        told, names, samples = self._gpu.told, self._nvml, self._samples
        seconds, energy, after = time.monotonic() - self._begun, told("TotalEnergyConsumption"), self._held()
        memory, limit = told("MemoryInfo"), told("EnforcedPowerLimit")
        watts = _over_time([(sample.at, sample.milliwatts) for sample in samples])
        others = [held.others for held in (self._before, after)]
        reasons = [sample.reasons for sample in samples if sample.reasons is not None]
        split = told("MigMode")
        return DeviceUse(
            name=self._gpu.name,
            driver=names.nvmlSystemGetDriverVersion(),
            seconds=seconds,
            samples=len(samples),
            sm_mhz_mean=_mean(sample.sm_mhz for sample in samples),
            sm_mhz_limit=told("MaxClockInfo", names.NVML_CLOCK_SM),
            memory_mhz_mean=_mean(sample.memory_mhz for sample in samples),
            memory_mhz_limit=told("MaxClockInfo", names.NVML_CLOCK_MEM),
            watts_mean=None if watts is None else watts / MILLI,
            watts_limit=None if limit is None else limit / MILLI,
            joules=_joules(self._energy, energy, watts, seconds),
            celsius_max=_most(sample.celsius for sample in samples),
            throttled=tuple(words for bit, words in REASONS.items() if any(each & bit for each in reasons))
            if reasons
            else None,
            memory_bytes=None if memory is None else int(memory.total),
            used_bytes_max=_most(sample.used_bytes for sample in samples),
            own_bytes=after.own_bytes,
            other_processes=None if None in others else _most(others),
            mig=bool(split and split[0]),
        )


def _mean(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if told else None


def _most(values: Iterable[Any]) -> Any:
    return max((value for value in values if value is not None), default=None)


def _over_time(points: list[tuple[float, float | None]]) -> float | None:
    """Return the mean over time of what was told at some times; each holds until the next."""
    told = [(at, value) for at, value in points if value is not None]
    spans = [(later[0] - one[0], one[1]) for one, later in pairwise(told)]
    whole = sum(span for span, _ in spans)
    return sum(span * value for span, value in spans) / whole if whole else None


def _joules(before: float | None, after: float | None, milliwatts: float | None, seconds: float) -> float | None:
    if before is not None and after is not None:
        return (after - before) / MILLI
    return None if milliwatts is None else milliwatts / MILLI * seconds
