"""Servers that are simulated, and arrivals for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.evidence import Replica
from tasks.performance.load.service_times import ServiceTimes, fit_service_times

if TYPE_CHECKING:
    from numpy.typing import NDArray

SERVICE = 0.005  # seconds, in the mean


def replica(**changes: Any) -> Replica:
    """Return single requests at one session."""
    return Replica(**({"largest_batch": 1} | changes))


def exponential(mean: float = SERVICE) -> ServiceTimes:
    """Return exponential times of single requests, at the middles of 5,000 levels."""
    levels = (np.arange(5_000) + 0.5) / 5_000
    return fit_service_times({1: tuple(-mean * np.log1p(-levels))})


def steady(rate: float, lanes: int = 40, requests: int = 6_000) -> NDArray[np.float64]:
    """Return Poisson arrivals of many lanes, shape (lanes, requests)."""
    return np.cumsum(np.random.default_rng(3).exponential(1 / rate, (lanes, requests)), axis=1)
