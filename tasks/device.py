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
    from collections.abc import Iterable
    from types import TracebackType

EVERY_SECONDS = 0.1
MILLI = 1e3
STAGE = "device"
VISIBLE = "CUDA_VISIBLE_DEVICES"
# of nvmlClocksEventReasons: those by which a device is slower than it can be, not those that say it had nothing to do
REASONS = {
    0x4: "power cap", 0x8: "slowdown by hardware", 0x10: "clocks of a sync group", 0x20: "temperature, by software",
    0x40: "temperature, by hardware", 0x80: "power brake",
}  # fmt: skip


class Sample(NamedTuple):
    """One look at the device, None for what it does not tell."""

    at: float
    sm_mhz: float | None
    memory_mhz: float | None
    milliwatts: float | None
    celsius: float | None
    reasons: int | None
    used_bytes: int | None


class Held(NamedTuple):
    """Whose the device is: the bytes of this process and its children, and how many others there are; None is not told."""

    own_bytes: int | None
    others: int | None


class DeviceWatch:
    """Watches the first device that CUDA sees, from entering to leaving; `seen` then says what there was, or why nothing.

    Clocks, power, temperature and memory are asked for as often as `EVERY_SECONDS`; processes, which take NVML longer to
    list, before and after. A machine without a device, a driver or the package nvidia-ml-py is no error.
    """

    def __init__(self) -> None:
        self.seen: DeviceUse | Unmeasured = Unmeasured(stage=STAGE, why="nothing was watched yet")
        self._samples: list[Sample] = []
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
            self._handle = _first_seen(pynvml)
        except pynvml.NVMLError as error:
            self.seen = Unmeasured(stage=STAGE, why=f"NVML tells of no device here: {error}")
            return self
        self._before = self._held()
        self._begun, self._energy = time.monotonic(), self._told("TotalEnergyConsumption")
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

    def _told(self, what: str, *which: int) -> Any:
        """Return NVML's answer to nvmlDeviceGet<what>; None where this device or driver has none."""
        try:
            return getattr(self._nvml, f"nvmlDeviceGet{what}")(self._handle, *which)
        except self._nvml.NVMLError:
            return None

    def _look(self) -> Sample:
        nvml, memory = self._nvml, self._told("MemoryInfo")
        return Sample(
            at=time.monotonic(),
            sm_mhz=self._told("ClockInfo", nvml.NVML_CLOCK_SM),
            memory_mhz=self._told("ClockInfo", nvml.NVML_CLOCK_MEM),
            milliwatts=self._told("PowerUsage"),
            celsius=self._told("Temperature", nvml.NVML_TEMPERATURE_GPU),
            reasons=self._told("CurrentClocksThrottleReasons"),
            used_bytes=None if memory is None else int(memory.used),
        )

    def _held(self) -> Held:
        running = self._told("ComputeRunningProcesses")
        if running is None:
            return Held(None, None)
        own = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
        mine = [process.usedGpuMemory for process in running if process.pid in own]
        if running and not mine:  # they may be others, or this one under the host's number
            return Held(None, None)
        return Held(None if None in mine else sum(mine), len(running) - len(mine))

    def _summary(self) -> DeviceUse:
        nvml, samples = self._nvml, self._samples
        seconds, energy, after = time.monotonic() - self._begun, self._told("TotalEnergyConsumption"), self._held()
        memory, limit = self._told("MemoryInfo"), self._told("EnforcedPowerLimit")
        watts = _over_time([(sample.at, sample.milliwatts) for sample in samples])
        others = [held.others for held in (self._before, after)]
        reasons = [sample.reasons for sample in samples if sample.reasons is not None]
        split = self._told("MigMode")
        return DeviceUse(
            name=_text(nvml.nvmlDeviceGetName(self._handle)),
            driver=_text(nvml.nvmlSystemGetDriverVersion()),
            seconds=seconds,
            samples=len(samples),
            sm_mhz_mean=_mean(sample.sm_mhz for sample in samples),
            sm_mhz_limit=self._told("MaxClockInfo", nvml.NVML_CLOCK_SM),
            memory_mhz_mean=_mean(sample.memory_mhz for sample in samples),
            memory_mhz_limit=self._told("MaxClockInfo", nvml.NVML_CLOCK_MEM),
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


def _first_seen(nvml: Any) -> Any:
    """Return NVML's handle of the device that is CUDA's first: NVML itself lists those too that CUDA is not shown."""
    shown = os.environ.get(VISIBLE, "").split(",")[0].strip()
    if shown.startswith(("GPU-", "MIG-")):
        return nvml.nvmlDeviceGetHandleByUUID(shown)
    return nvml.nvmlDeviceGetHandleByIndex(int(shown) if shown.isdecimal() else 0)


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


def _text(told: str | bytes) -> str:
    return told.decode() if isinstance(told, bytes) else told
