"""Response times of one server with exponential services, and their percentile by formula."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 100.0
EXPONENTIAL_P99 = math.log(100) / (200 - RATE)  # of response, one server that answers 200 a second: exponential too


def queue(
    random: np.random.Generator, count: int, used: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return arrivals and response times, in seconds, of one server with exponential services."""
    arrived = np.cumsum(random.exponential(1 / RATE, count))
    done = np.cumsum(services := random.exponential(used / RATE, count))
    return arrived, done + np.maximum.accumulate(arrived - done + services) - arrived
