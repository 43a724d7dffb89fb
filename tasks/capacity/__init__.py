"""The capacity of a replica: simulated from measured service times, then measured under load, then verified on fresh arrivals."""

from tasks.capacity.search import Effort, find_capacity
from tasks.capacity.service import ServiceTimes, service_times
from tasks.capacity.simulate import quantile, simulate

__all__ = ["Effort", "ServiceTimes", "find_capacity", "quantile", "service_times", "simulate"]
