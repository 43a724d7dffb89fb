"""A GPU while something was measured on it: clocks, power, temperature, and whether it held itself back."""

from __future__ import annotations

from tasks.records import Record


class DeviceUse(Record):
    """What NVML told of one device over a span.

    Means and maxima are over `samples`. `joules` is the device's own count of energy where it keeps one, else power summed
    over time, idle power included. `throttled` names each reason for which it lowered its clocks meanwhile, `own_bytes` is
    the most device memory that this process and its children held, None where the driver does not tell, and
    `other_processes` the most others that were on the device.
    """

    name: str
    driver: str
    seconds: float
    samples: int
    sm_mhz_mean: float
    sm_mhz_limit: float
    memory_mhz_mean: float
    memory_mhz_limit: float
    watts_mean: float
    watts_limit: float
    joules: float
    celsius_max: float
    throttled: tuple[str, ...]
    memory_bytes: int
    used_bytes_max: int
    own_bytes: int | None
    other_processes: int
