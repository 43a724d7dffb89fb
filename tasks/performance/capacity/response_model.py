"""What measured service times promise under load, by simulation, and how far from it a run turned out to be.

The real replica is taken as the simulated one with every service time stretched by a factor. A run under load gives the
factor that explains its quantile on its own arrivals, so the luck of the arrivals cancels out, also in a run that is
short or overloaded; the factor gives the capacity that the runs show. Where the replica is no stretched copy of its
model, the factor still is right at the rate that was driven, and the search closes in on that one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.performance.capacity.simulate import quantile, simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tasks.evidence import Configuration, Objective
    from tasks.performance.capacity.service_times import ServiceTimes

COARSE = (0.02, 0.1, 0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)  # of the rate at which no session ever waits
FINE = (0.7, 0.8, 0.87, 0.93, 1.0, 1.06, 1.13, 1.2)  # of the coarse answer
WHOLE = (
    0.02,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.55,
    0.6,
    0.65,
    0.7,
    0.75,
    0.8,
    0.84,
    0.88,
    0.91,
    0.94,
    0.96,
    0.98,
)  # as COARSE, to look at
WHOLE_SIZE = (24, 2_000)  # lanes a rate, requests a lane
SETTLING = 0.25  # of a simulated run, which starts with an empty queue
COARSE_SIZE = (6, 1_000)  # lanes a rate, requests a lane
FINE_REQUESTS = 3_000  # a lane
SIMULATED = 1_000_000  # added to the seeds of simulated arrivals, so that no run under load has the same
REPEATS = 16  # lanes a factor on service times


@dataclass(frozen=True, slots=True)
class Curve:
    """The objective's quantile in seconds at each rate, rising, of a replica whose service times are stretched by `scale`."""

    rates: NDArray[np.float64]
    seconds: NDArray[np.float64]
    scale: float

    def rate_at(self, limit_seconds: float, scale: float) -> float:
        """Return the highest rate within the limit of a replica stretched by `scale`, 0 where no rate on the curve is.

        Stretching service times is stretching time, exactly where no batch waits to fill and else nearly.
        """
        factor = scale / self.scale
        wanted = limit_seconds / factor
        if self.seconds[0] > wanted:
            return 0.0
        return float(np.interp(math.log(wanted), np.log(self.seconds), self.rates)) / factor


@dataclass(frozen=True, slots=True)
class Expected:
    """Logarithms of factors on service times, and at each the mean logarithm of the quantile in seconds; both rise."""

    scales: NDArray[np.float64]
    seconds: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Model:
    """A simulated replica in one configuration under the schedule's arrivals: `schedule(rate, seconds, seed)`, in seconds."""

    service: ServiceTimes
    configuration: Configuration
    objective: Objective
    schedule: Callable[[float, float, int], NDArray[np.float64]]

    def curve(self, scale: float, seed: int, lanes: int) -> Curve:
        """Return the quantile against the rate around the capacity, in a steady state, of `lanes` simulations a rate.

        What chance is left is smoothed: the logarithm of the quantile is nearly straight in that of the rate left unused.
        """
        top = self.service.highest_rate(self.configuration.batch_cap, self.configuration.instances) / scale
        coarse = self._steady(top * np.array(COARSE), COARSE_SIZE, scale, seed)
        middle = coarse.rate_at(self.objective.limit_seconds, scale)
        if not middle:
            return coarse
        rates = middle * np.array(FINE)
        fine = self._steady(rates[rates < top], (lanes, FINE_REQUESTS), scale, seed + 1)
        unused = 1 - fine.rates / top
        fit = np.polyfit(np.log(unused), np.log(fine.seconds), min(2, unused.size - 1), w=unused)
        return Curve(fine.rates, np.maximum.accumulate(np.exp(np.polyval(fit, np.log(unused)))), scale)

    def whole(self, scale: float, seed: int) -> Curve:
        """Return the quantile against the rate from next to none to nearly all that the sessions can serve."""
        top = self.service.highest_rate(self.configuration.batch_cap, self.configuration.instances) / scale
        return self._steady(top * np.array(WHOLE), WHOLE_SIZE, scale, seed)

    def expect(self, rate: float, seconds: float, seed: int, scales: NDArray[np.float64]) -> Expected:
        """Return what a run on these very arrivals would show, at each of the factors on service times, shape (n,), rising.

        The quantile of a short run scatters, and not evenly, so what is expected is its logarithm's mean.
        """
        arrivals = self.schedule(rate, seconds, seed)
        lanes = np.tile(arrivals, (scales.size * REPEATS, 1))
        found = self._responses(lanes, np.repeat(scales, REPEATS), seed)
        each = np.log([quantile(lane, self.objective.quantile) for lane in found]).reshape(scales.size, REPEATS)
        return Expected(np.log(scales), np.maximum.accumulate(each.mean(axis=1)))

    def _steady(self, rates: NDArray[np.float64], size: tuple[int, int], scale: float, seed: int) -> Curve:
        lanes, requests = size
        runs = [
            self.schedule(rate, requests / rate, SIMULATED + seed + lane) for rate in rates for lane in range(lanes)
        ]
        longest = max(run.size for run in runs)
        arrivals = np.array([np.pad(run, (0, longest - run.size), constant_values=np.inf) for run in runs])
        found = self._responses(arrivals, np.full(len(runs), scale), seed)[:, int(SETTLING * requests) :]
        each = [quantile(part, self.objective.quantile) for part in np.split(found, len(rates))]
        return Curve(rates, np.maximum.accumulate(each), scale)

    def _responses(self, arrivals: NDArray[np.float64], scales: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
        return simulate(arrivals, self.service, self.configuration, seed, scales)
