"""The capacity of a replica: simulated from measured service times, then measured under load, then verified on fresh arrivals."""

from tasks.performance.capacity.search import Effort, find_capacity
from tasks.performance.capacity.service_times import ServiceTimes, fit_service_times
from tasks.performance.capacity.simulate import quantile, simulate

__all__ = ["Effort", "ServiceTimes", "find_capacity", "fit_service_times", "quantile", "simulate"]
