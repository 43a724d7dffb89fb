"""What a variant costs."""

from __future__ import annotations

from tasks.core.records import Record


class CostEvidence(Record):
    """What the variant costs at the policy's traffic on the policy's machine, from measured service times.

    The low and high ends come from the confidence interval of the mean service time, one call after the other. `loaded_ms` is
    for how long a request kept a replica busy under its share of the peak; `sustained_per_second` is what one would sustain by
    its services under load, and `erlang_replicas` how many would carry the peak by Erlang's formula; both plan nothing. `spare_replicas` are part of `replicas`.
    Money is in US dollars.
    """

    machine: str
    machine_hour_usd: float
    machine_source: str
    measured_on: str
    service_ms: float
    service_ms_low: float
    service_ms_high: float
    serving_batch: int
    peak_per_second: float
    utilisation: float
    replicas: int
    replicas_high: int
    usd_per_thousand: float
    usd_per_thousand_high: float
    usd_per_month: float
    usd_per_month_high: float
    sustained_per_second: float | None = None
    erlang_replicas: int | None = None
    loaded_ms: float | None = None
    spare_replicas: int = 0
