"""Servers that are simulated, and arrivals for them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evidence import Configuration, Objective
from tasks.performance.capacity import ServiceTimes, fit_service_times

if TYPE_CHECKING:
    from numpy.typing import NDArray

SERVICE = 0.005  # seconds, in the mean
OBJECTIVE = Objective(quantile=0.99, limit_seconds=0.1)
CAPACITY = 1 / SERVICE - math.log(100) / OBJECTIVE.limit_seconds  # of exponential service, by formula


def configuration(**changes: Any) -> Configuration:
    """Return single requests at one session."""
    return Configuration(**({"batch_cap": 1, "longest_wait_seconds": 0.0, "threads": 1, "instances": 1} | changes))


def exponential(mean: float = SERVICE) -> ServiceTimes:
    """Return exponential times of single requests, at the middles of 5,000 levels."""
    levels = (np.arange(5_000) + 0.5) / 5_000
    return fit_service_times({1: tuple(-mean * np.log1p(-levels))})


def poisson(rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """Return Poisson arrivals in [0, seconds)."""
    random = np.random.default_rng(seed)
    return np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))


def steady(rate: float, lanes: int = 40, requests: int = 6_000) -> NDArray[np.float64]:
    """Return Poisson arrivals of many lanes, shape (lanes, requests)."""
    return np.cumsum(np.random.default_rng(3).exponential(1 / rate, (lanes, requests)), axis=1)
