"""What queueing theory says of how many replicas a peak needs: a check on a plan that was made from measured capacity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tasks.evidence import Objective

if TYPE_CHECKING:
    from tasks.core.settings import Business
    from tasks.evidence import Objective


SAME_RATE = 1e-9  # a difference of rates below which the limit of a formula stands for it


def erlang_servers(rate: float, mean_service_seconds: float, objective: Objective) -> int:
    """Return the fewest servers of one queue at which the objective holds, with Poisson arrivals and exponential service.

    Raises ValueError where service alone is over the limit, so that no number of servers is enough.
    """
    allowed = 1 - objective.quantile
    if math.exp(-objective.limit_seconds / mean_service_seconds) > allowed:
        raise ValueError(
            f"exponential service of {mean_service_seconds:g} s in the mean exceeds {objective.limit_seconds:g} s more "
            f"often than {allowed:.2g} of the time even without a queue; no number of servers helps"
        )
    servers = math.floor(rate * mean_service_seconds) + 1
    while slower_than(objective.limit_seconds, servers, rate, mean_service_seconds) > allowed:
        servers += 1
    return servers


def slower_than(seconds: float, servers: int, rate: float, mean_service_seconds: float) -> float:
    """Return the share of requests whose response takes longer than `seconds` in a queue M/M/c.

    Source: Gross, Shortle, Thompson and Harris, Fundamentals of Queueing Theory (4th ed., 2008), section 2.3.
    """
    load = rate * mean_service_seconds
    waits, spare, passed = erlang_c(servers, load), servers - load, seconds / mean_service_seconds
    # A wait and a service in a row; where both have the same rate, the limit of the general form.
    gap = spare - 1
    extra = passed if abs(gap * passed) < SAME_RATE else -math.expm1(-gap * passed) / gap
    return math.exp(-passed) * (1 + waits * extra)


def erlang_c(servers: int, load: float) -> float:
    """Return the share of requests that wait in M/M/c at an offered load in servers' worth of work.

    Raises ValueError where the load is not below the number of servers. Source: Erlang (1917), by the recursion of his
    loss formula, which does not overflow.
    """
    if not 0 < load < servers:
        raise ValueError(f"a load of {load:g} must lie between 0 and the {servers} servers that carry it")
    lost = 1.0
    for server in range(1, servers + 1):
        lost = load * lost / (server + load * lost)
    return lost / (1 - load / servers * (1 - lost))


def carrying_replicas(service_seconds: float, business: Business) -> int:
    """Return the offered load at the peak over the load that one replica may carry (utilisation), without spare ones."""
    return math.ceil(business.peak_per_second * service_seconds / business.utilisation)
