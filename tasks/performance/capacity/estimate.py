"""What is known of one configuration: its model, the runs made under load, and the capacity that these runs show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from tasks.performance.capacity.simulate import quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.performance.capacity.response_model import Expected, Model

NEAR = 0.1  # a run whose rate is this far off, as a logarithm, counts for 0.6 of one at the estimate
NEW_CURVE = 0.05  # change of the factor, as a logarithm, from which the curve is simulated anew
ROUGH, THOROUGH = 16, 100  # simulations a rate before the first run, to rank, and after it
LEAST_RUNS = 3  # for bounds
SIMULATION_ERROR = 0.01  # of the capacity, by which bounds are wider: chance left in the curve, and shape it has wrong
LOWEST = 0.5  # of the lowest rate driven, where even that was over the limit
FIRST_FACTORS = np.geomspace(1 / 5, 5, 17)  # on service times, to explain the first run
FACTORS = np.geomspace(1 / 1.4, 1.4, 9)  # around the factor so far, for every run after it
FINE_GRID = 401


@dataclass(frozen=True, slots=True)
class Run:
    """A rate driven, the logarithm of the quantile in seconds that was seen, and what was to be expected of that run."""

    rate: float
    seen: float
    expected: Expected


class Track:
    """One configuration: `estimate` is its capacity in requests a second, simulated until `learn` was told of a run."""

    def __init__(self, model: Model, seed: int) -> None:
        self.model = model
        self.runs: list[Run] = []
        self._curve = model.curve(1.0, seed, ROUGH)
        self._factor = 1.0
        self.estimate = self.predicted = self._capacity(1.0)

    def next_rate(self) -> float:
        """Return the rate to drive next: the estimate, or well below all rates so far where that is none."""
        return max(self.estimate, LOWEST * min(run.rate for run in self.runs))

    def learn(self, rate: float, seconds: float, seed: int, responses: NDArray[np.float64]) -> float:
        """Take a run into the estimate, and return the capacity that it alone speaks for.

        A run in which too many requests failed for a quantile counts as the slowest that was to be expected at all.
        """
        scales = self._factor * (FACTORS if self.runs else FIRST_FACTORS)
        expected = self.model.expect(rate, seconds, seed, scales)
        seen = min(math.log(quantile(responses, self.model.objective.quantile)), float(expected.seconds[-1]))
        self.runs.append(Run(rate, seen, expected))
        alone = _solve(self.runs[-1:], np.ones(1), 0.0)
        self._factor = _solve(self.runs, self._weights(), 0.0)
        if len(self.runs) == 1 or abs(math.log(self._factor / self._curve.scale)) > NEW_CURVE:
            self._curve = self.model.curve(self._factor, seed, THOROUGH)
        self.estimate = self._capacity(self._factor)
        return self._capacity(alone)

    def curve(self, seed: int) -> tuple[tuple[float, float], ...]:
        """Return (requests a second, the objective's quantile in seconds) from next to no load to nearly all."""
        curve = self.model.whole(self._factor, seed)
        return tuple(zip(curve.rates.tolist(), curve.seconds.tolist(), strict=True))

    def bounds(self, confidence: float) -> tuple[float | None, float | None]:
        """Return one-sided bounds of the capacity: a t interval over the runs' deviations, whose arrivals are independent."""
        from scipy.stats import t

        weights = self._weights()
        effective = weights.sum() ** 2 / (weights**2).sum() if self.runs else 0.0
        if effective < LEAST_RUNS:
            return None, None
        here = math.log(self._factor)
        off = np.array([run.seen - np.interp(here, run.expected.scales, run.expected.seconds) for run in self.runs])
        spread = np.average((off - np.average(off, weights=weights)) ** 2, weights=weights)
        reach = float(t.ppf(confidence, effective - 1)) * math.sqrt(spread / (effective - 1))
        low, high = (self._capacity(_solve(self.runs, weights, shift)) for shift in (reach, -reach))
        return min(low, self.estimate) * (1 - SIMULATION_ERROR), max(high, self.estimate) * (1 + SIMULATION_ERROR)

    def _weights(self) -> NDArray[np.float64]:
        """Return how much each run counts: by how near its rate is to the estimate, where alone the factor must be right."""
        rates = np.array([run.rate for run in self.runs])
        apart = np.log(rates / (self.estimate or rates.min())) / NEAR
        # The nearest counts in full, however far it is.
        return cast("NDArray[np.float64]", np.exp(-0.5 * (apart**2 - (apart**2).min())))

    def _capacity(self, factor: float) -> float:
        return self._curve.rate_at(self.model.objective.limit_seconds, factor)


def _solve(runs: list[Run], weights: NDArray[np.float64], shift: float) -> float:
    """Return the factor on service times at which the runs, together, show what was seen plus `shift`.

    Quantiles are averaged and the factor is solved for once: solved for in each run, scatter would bias the mean.
    """
    ends = [run.expected.scales[place] for run in runs for place in (0, -1)]
    grid = np.linspace(min(ends), max(ends), FINE_GRID)
    each = np.array([np.interp(grid, run.expected.scales, run.expected.seconds) - run.seen for run in runs])
    return math.exp(np.interp(shift, np.average(each, axis=0, weights=weights), grid))
