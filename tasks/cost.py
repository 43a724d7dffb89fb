"""From measured service times to replicas and money, at the policy's traffic on the policy's machine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tasks.capacity.replicas import erlang_servers
from tasks.evidence import CapacityEvidence, CostEvidence, LatencyEvidence, LoadEvidence, Objective
from tasks.records import InputError, Record, StageError
from tasks.statistics import mean_interval
from tasks.yamlfile import read_record

if TYPE_CHECKING:
    from tasks.policy import Business

HARDWARE = Path(__file__).parent.parent / "infra" / "hardware.yaml"
HOURS_PER_MONTH = 730.0
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
CONFIDENCE = 0.95


class Machine(Record):
    """A machine that can be hired: its size, its price, and where and when that price was read."""

    vcpus: Annotated[int, Field(ge=1)]
    memory_gib: Annotated[float, Field(gt=0)]
    gpu: str | None = None
    usd_per_hour: Annotated[float, Field(gt=0)]
    source: str
    as_of: str


class Hardware(Record):
    """The machines of `infra/hardware.yaml` by name."""

    machines: dict[str, Machine]


def machine(name: str) -> Machine:
    """Return the machine `name`. Raises InputError that lists the known ones."""
    known = read_record(HARDWARE, Hardware).machines
    if name not in known:
        raise InputError(f"machine '{name}' is not in {HARDWARE}; known: {', '.join(sorted(known))}")
    return known[name]


def project_cost(
    latency: LatencyEvidence,
    business: Business,
    measured_on: str,
    load: LoadEvidence | None = None,
    capacity: CapacityEvidence | None = None,
) -> CostEvidence:
    """Return what serving the policy's traffic costs, low and high ends from the interval of the mean service time.

    A replica serves one batch at a time and is planned to be busy for `utilisation` of the time at the peak;
    `spare_replicas` are paid for too. Where replicas were loaded, there are as many as kept to that then, since calls take
    longer under load. Where its capacity was measured, none is planned to carry more than the rate that it was seen to
    sustain, at the high end than the lower bound of that. Unused capacity between mean and peak is in the
    price per prediction. Raises StageError where the serving batch was not measured.
    """
    seconds = next((item.seconds for item in latency.batches if item.batch == business.serving_batch), ())
    if not seconds:
        raise StageError(f"batch {business.serving_batch}, in which the policy serves, has no measured service time")
    hired = machine(business.machine)
    service = mean_interval(seconds, CONFIDENCE, seed=0)
    per_item = [value / business.serving_batch for value in (service.estimate, service.low, service.high)]
    sustained = None if capacity is None else capacity.verified_per_second
    least = sustained if capacity is None or sustained is None else min(sustained, capacity.low_per_second or sustained)
    carrying = [
        max(
            carrying_replicas(item, business),
            0 if load is None else load.carrying,
            0 if rate is None else math.ceil(business.peak_per_second / rate),
        )
        for item, rate in zip(per_item, (sustained, sustained, least), strict=True)
    ]
    replicas = [count + business.spare_replicas for count in carrying]
    monthly = [count * hired.usd_per_hour * HOURS_PER_MONTH for count in replicas]
    thousands = business.mean_per_second * SECONDS_PER_MONTH / 1000
    return CostEvidence(
        machine=business.machine,
        machine_hour_usd=hired.usd_per_hour,
        machine_source=f"{hired.source}, {hired.as_of}",
        measured_on=measured_on,
        service_ms=per_item[0] * 1e3,
        service_ms_low=per_item[1] * 1e3,
        service_ms_high=per_item[2] * 1e3,
        loaded_ms=None if load is None or load.busy_seconds is None else load.busy_seconds * 1e3,
        serving_batch=business.serving_batch,
        peak_per_second=business.peak_per_second,
        utilisation=business.utilisation,
        replicas=replicas[0],
        replicas_high=replicas[2],
        spare_replicas=business.spare_replicas,
        sustained_per_second=sustained,
        erlang_replicas=None if capacity is None else _by_erlang(per_item[0], business, capacity.objective),
        usd_per_thousand=monthly[0] / thousands,
        usd_per_thousand_high=monthly[2] / thousands,
        usd_per_month=monthly[0],
        usd_per_month_high=monthly[2],
    )


def _by_erlang(service_seconds: float, business: Business, objective: Objective) -> int | None:
    """Return the replicas that Erlang C says, None where it says that no number is enough."""
    try:
        return erlang_servers(business.peak_per_second, service_seconds, objective)
    except ValueError:
        return None


def carrying_replicas(service_seconds: float, business: Business) -> int:
    """Return the offered load at the peak over the load that one replica may carry (utilisation), without spare ones."""
    return math.ceil(business.peak_per_second * service_seconds / business.utilisation)
