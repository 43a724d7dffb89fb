"""The GPU through NVML: sampled in a thread while something is measured on it."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import psutil

from tasks.evidence import DeviceUse, Unmeasured

if TYPE_CHECKING:
    from types import TracebackType

EVERY_SECONDS = 0.05
MILLI = 1e3
STAGE = "device"
# of nvmlClocksEventReasons: those by which a device is slower than it can be, not those that say it had nothing to do
REASONS = {
    0x4: "power cap", 0x8: "slowdown by hardware", 0x10: "clocks of a sync group", 0x20: "temperature, by software",
    0x40: "temperature, by hardware", 0x80: "power brake",
}  # fmt: skip


class Sample(NamedTuple):
    """One look at the device."""

    at: float
    sm_mhz: float
    memory_mhz: float
    watts: float
    celsius: float
    reasons: int
    used_bytes: int
    own_bytes: int | None
    others: int


class DeviceWatch:
    """Watches device `index` from entering to leaving; `seen` then says what there was, or why nothing is known.

    A machine without a device, a driver or the package nvidia-ml-py is no error.
    """

    def __init__(self, index: int = 0) -> None:
        self.seen: DeviceUse | Unmeasured = Unmeasured(stage=STAGE, why="nothing was watched yet")
        self._index, self._samples = index, list[Sample]()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            import pynvml
        except ImportError:
            self.seen = Unmeasured(stage=STAGE, why="nvidia-ml-py is not installed (pip install launchgate[gpu])")
            return self
        self._nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(self._index)
            self._begun, self._energy = time.monotonic(), self._millijoules()
            self._samples.append(self._look())
        except pynvml.NVMLError as error:
            self.seen = Unmeasured(stage=STAGE, why=f"NVML tells of no device here: {error}")
            return self
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
        try:
            self._samples.append(self._look())
            self.seen = self._summary()
        except self._nvml.NVMLError as lost:
            self.seen = Unmeasured(stage=STAGE, why=f"NVML lost the device: {lost}")
        self._nvml.nvmlShutdown()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self._samples.append(self._look())
            except self._nvml.NVMLError:
                return  # the last look says so

    def _look(self) -> Sample:
        nvml, handle = self._nvml, self._handle
        own = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
        running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        mine = [process.usedGpuMemory for process in running if process.pid in own]
        return Sample(
            at=time.monotonic(),
            sm_mhz=nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
            memory_mhz=nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
            watts=nvml.nvmlDeviceGetPowerUsage(handle) / MILLI,
            celsius=nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            reasons=nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle),
            used_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).used),
            own_bytes=None if None in mine else sum(mine),
            others=sum(process.pid not in own for process in running),
        )

    def _millijoules(self) -> float | None:
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError:
            return None

    def _summary(self) -> DeviceUse:
        nvml, handle, samples = self._nvml, self._handle, self._samples
        seconds, energy = time.monotonic() - self._begun, self._millijoules()
        spans = [later.at - one.at for one, later in pairwise(samples)]
        watts = sum(one.watts * span for one, span in zip(samples, spans, strict=False)) / sum(spans)
        counted = None if energy is None or self._energy is None else (energy - self._energy) / MILLI
        held = [sample.own_bytes for sample in samples if sample.own_bytes is not None]
        reasons = 0
        for sample in samples:
            reasons |= sample.reasons
        return DeviceUse(
            name=_text(nvml.nvmlDeviceGetName(handle)),
            driver=_text(nvml.nvmlSystemGetDriverVersion()),
            seconds=seconds,
            samples=len(samples),
            sm_mhz_mean=sum(sample.sm_mhz for sample in samples) / len(samples),
            sm_mhz_limit=nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_SM),
            memory_mhz_mean=sum(sample.memory_mhz for sample in samples) / len(samples),
            memory_mhz_limit=nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_MEM),
            watts_mean=watts,
            watts_limit=nvml.nvmlDeviceGetEnforcedPowerLimit(handle) / MILLI,
            joules=watts * seconds if counted is None else counted,
            celsius_max=max(sample.celsius for sample in samples),
            throttled=tuple(words for bit, words in REASONS.items() if reasons & bit),
            memory_bytes=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
            used_bytes_max=max(sample.used_bytes for sample in samples),
            own_bytes=max(held, default=None),
            other_processes=max(sample.others for sample in samples),
        )


def _text(told: str | bytes) -> str:
    return told.decode() if isinstance(told, bytes) else told
