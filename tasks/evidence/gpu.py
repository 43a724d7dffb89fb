"""A GPU while something was measured on it: clocks, power, temperature, and whether it held itself back."""

from __future__ import annotations

from tasks.core.records import Record


class Device(Record):
    """A GPU's memory as NVML tells: `held_bytes` by the processes that serve, `used_bytes` by all.

    `other_processes` is None where NVML lists none at all, as in some containers.
    """

    name: str
    held_bytes: int
    used_bytes: int
    total_bytes: int
    other_processes: int | None


class DeviceUse(Record):
    """What NVML told of one device over a span; None is what it does not tell there.

    Means and maxima are over `samples`. `joules` is the device's own count of energy where it keeps one, else power summed
    over time, idle power included. `throttled` names each reason for which it lowered its clocks meanwhile. `own_bytes` is
    the device memory that this process and its children held at the end, and `other_processes` how many others were on the
    device at the start or the end, whichever are more; neither is told in a container, where NVML lists the host's process
    ids. `mig` tells whether the device is split.
    """

    name: str
    driver: str | None
    seconds: float
    samples: int
    sm_mhz_mean: float | None
    sm_mhz_limit: float | None
    memory_mhz_mean: float | None
    memory_mhz_limit: float | None
    watts_mean: float | None
    watts_limit: float | None
    joules: float | None
    celsius_max: float | None
    throttled: tuple[str, ...] | None
    memory_bytes: int | None
    used_bytes_max: int | None
    own_bytes: int | None
    other_processes: int | None
    mig: bool = False
