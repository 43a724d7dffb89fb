"""Evidence priced at the forecast traffic: from measured service times to replicas and money."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tasks.core.errors import StageError
from tasks.cost.machines import machine
from tasks.cost.replicas import carrying_replicas, erlang_servers
from tasks.evidence import (
    CostEvidence,
    Evidence,
    LatencyEvidence,
    LoadEvidence,
    Unmeasured,
    VariantEvidence,
)
from tasks.statistics import mean_interval

if TYPE_CHECKING:
    from tasks.core.settings import Business


HOURS_PER_MONTH = 730.0
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
CONFIDENCE = 0.95
SAME_SHARE = 1e-9  # of a replica, which rounding makes


def project_cost(
    latency: LatencyEvidence, business: Business, measured_on: str, load: LoadEvidence | None = None
) -> CostEvidence:
    """Return what serving the policy's traffic costs, low and high ends from the interval of the mean service time.

    A replica is planned to be busy for `utilisation` of the time at the peak, by the time that a request kept one busy
    under load where that was measured, else by its service time; and none to carry more than the share of the peak that it
    was loaded with. `spare_replicas` are paid for too. Unused capacity between mean and peak is in the price per prediction.
    Raises StageError where the serving batch was not measured.
    """
    seconds = next((item.seconds for item in latency.batches if item.batch == business.serving_batch), ())
    if not seconds:
        raise StageError(f"batch {business.serving_batch}, in which the policy serves, has no measured service time")
    hired = machine(business.machine)
    service = mean_interval(seconds, CONFIDENCE, seed=0)
    per_item = [value / business.serving_batch for value in (service.estimate, service.low, service.high)]
    loaded = None if load is None else load.busy_seconds
    busy = per_item[0] if load is None or loaded is None else loaded / load.replica.instances
    carrying = [
        max(
            carrying_replicas(busy * item / per_item[0], business),
            0 if load is None else math.ceil(business.peak_per_second / load.share_per_second - SAME_SHARE),
        )
        for item in per_item
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
        loaded_ms=None if loaded is None else loaded * 1e3,
        serving_batch=business.serving_batch,
        peak_per_second=business.peak_per_second,
        utilisation=business.utilisation,
        replicas=replicas[0],
        replicas_high=replicas[2],
        spare_replicas=business.spare_replicas,
        sustained_per_second=None if load is None else load.sustained_per_second,
        erlang_replicas=_by_erlang(per_item[0], business, load),
        usd_per_thousand=monthly[0] / thousands,
        usd_per_thousand_high=monthly[2] / thousands,
        usd_per_month=monthly[0],
        usd_per_month_high=monthly[2],
    )


def _by_erlang(service_seconds: float, business: Business, load: LoadEvidence | None) -> int | None:
    """Return the replicas that Erlang C says, None without an objective, and where it says that no number is enough."""
    if load is None or not load.objectives:
        return None
    try:
        return erlang_servers(
            business.peak_per_second, service_seconds, max(load.objectives, key=lambda each: each.quantile)
        )
    except ValueError:
        return None


def price(evidence: Evidence, business: Business) -> Evidence:
    """Return the evidence with each variant's cost at the traffic of `business`, from its measured service times."""
    return evidence.model_copy(
        update={"variants": tuple(_price(variant, evidence, business) for variant in evidence.variants)}
    )


def _price(variant: VariantEvidence, evidence: Evidence, business: Business) -> VariantEvidence:
    if isinstance(variant.latency, Unmeasured):
        return variant.model_copy(update={"cost": variant.latency})
    environment = evidence.environment
    measured_on = f"{environment.gpu or environment.cpu}, {environment.cores} cores"
    try:
        load = None if isinstance(variant.load, Unmeasured) else variant.load
        cost = project_cost(variant.latency, business, measured_on, load)
        return variant.model_copy(update={"cost": cost})
    except StageError as error:
        return variant.model_copy(update={"cost": Unmeasured(stage="cost", why=str(error))})
