"""How near the capacity search comes to the truth, and after how many seconds of load, on simulated servers.

Each server is a queue whose capacity is known: by formula (M/M/1: a p99 response of ln 100 / (mu - lambda)), or by
simulations hundreds of times longer than what the search sees. The search is given 400 service times of each batch size,
drawn anew in each trial, and a server to load; one of the servers is 15% slower under load than it was when it was timed,
and stalls, which its times do not show. An answer hits where it is within 5% of the truth. Beside it, a binary search for
the peak that spends the same seconds and drives each rate once, re-testing nothing.

`python benchmarks/capacity_search.py [--check]`
"""

from __future__ import annotations

import math
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from harness import finish, parser

sys.path[:0] = [str(Path(__file__).parent.parent)]

from tasks.evidence import Configuration, Objective  # noqa: E402
from tasks.performance.capacity import Effort, ServiceTimes, find_capacity, fit_service_times, quantile, simulate  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUANTILE, CONFIDENCE = 0.99, 0.95
NEAR, GOAL = 0.05, 0.95
TIMED_CALLS, TRUE_LEVELS = 400, 20_000
TRIALS = {"small": 20, "default": 40, "double": 20}  # of a server with one configuration
FEWER = 4  # times, of one with several, each of which is simulated
PROCESSES = 2
FAST = 100  # requests a second, from which 3 s hold enough requests for a p99
STEPS = 8  # of the binary search
LONG = (200, 6_000)  # lanes and requests a lane of a simulation that finds the truth
EFFORTS = {
    "small": Effort(run_seconds=3, search_runs=6, verify_runs=5),
    "default": Effort(run_seconds=3),
    "double": Effort(run_seconds=6),
}
SINGLE = Configuration(batch_cap=1, longest_wait_seconds=0, threads=1, instances=1)
BATCHED = tuple(
    Configuration(batch_cap=cap, longest_wait_seconds=wait, threads=1, instances=2)
    for cap, wait in ((1, 0.0), (4, 0.0), (8, 0.0), (8, 0.004))
)


@dataclass(frozen=True)
class Server:
    """A queue: mean seconds of a batch (`first` + `each` a request), their spread, and what timing does not show.

    `spread` is the standard deviation of the logarithm, None for exponential times. Under load, times are `slower` times
    as long, and a share `stalls` of batches takes `stall_seconds` more.
    """

    name: str
    first: float
    each: float
    spread: float | None
    limit_seconds: float
    configurations: tuple[Configuration, ...] = (SINGLE,)
    slower: float = 1.0
    stalls: float = 0.0
    stall_seconds: float = 0.0

    @property
    def objective(self) -> Objective:
        """99% of requests within the limit."""
        return Objective(quantile=QUANTILE, limit_seconds=self.limit_seconds)

    def draw(self, size: int, count: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return `count` times of a batch of `size`, as timed without load."""
        mean = self.first + self.each * size
        if self.spread is None:
            return random.exponential(mean, count)
        return random.lognormal(math.log(mean) - self.spread**2 / 2, self.spread, count)

    def loaded(self, configuration: Configuration) -> ServiceTimes:
        """Return the times under load."""
        random = np.random.default_rng(1)
        sizes = range(1, configuration.batch_cap + 1)
        return fit_service_times(
            {
                size: self.slower * self.draw(size, TRUE_LEVELS, random)
                + self.stall_seconds * (random.random(TRUE_LEVELS) < self.stalls)
                for size in sizes
            }
        )


SERVERS = (
    Server("single, regular, 50 a second", 0.0, 0.0100, 0.3, 0.050),
    Server("M/M/1, 150 a second", 0.0, 0.0050, None, 0.100),
    Server("M/M/1, 500 a second", 0.0, 1 / 600, None, 0.050),
    Server("batches, 15% slower, stalls", 0.004, 0.0015, 0.2, 0.060, BATCHED, 1.15, 0.002, 0.040),
)


def main() -> None:
    """Run every trial, print the table, and give the share of hits at the default effort."""
    parser(__doc__ or "").parse_args()
    with ProcessPoolExecutor(PROCESSES) as pool:
        truths = list(pool.map(truth, range(len(SERVERS))))
        work = [
            (place, effort, k)
            for effort in EFFORTS
            for place in range(len(SERVERS))
            for k in range(trials(place, effort))
        ]
        answers = list(pool.map(trial, work, [truths[place] for place, _, _ in work], chunksize=4))
    print(
        f"{'server':<30}{'truth':>7}{'effort':>9}{'seconds':>9}{'hits':>7}{'bound':>7}{'naive':>7}{'median error':>14}"
    )
    rows = []
    for effort in EFFORTS:
        for place, server in enumerate(SERVERS):
            seen = [one for one, (p, e, _) in zip(answers, work, strict=True) if (p, e) == (place, effort)]
            rows.append(row(server, truths[place], effort, seen))
    usual = [one for one in rows if one["effort"] == "default"]
    rate = float(np.mean([one["hits"] for one in usual]))
    fast = [one["hits"] for one in usual if one["truth"] > FAST]
    print(f"default effort: {rate:.3f} of all answers hit, {np.mean(fast):.3f} from {FAST} requests a second on")
    finish("capacity_search", rate, f">={GOAL}", rate >= GOAL, {"rows": rows})


def trials(place: int, effort: str) -> int:
    """Return how often a server is searched."""
    return round(TRIALS[effort] / (FEWER if len(SERVERS[place].configurations) > 1 else 1))


def row(server: Server, true: float, effort: str, seen: list[dict[str, float]]) -> dict[str, Any]:
    """Print and return what the trials of one server at one effort come to."""
    errors = np.array([one["error"] for one in seen])
    found = {
        "server": server.name,
        "truth": true,
        "effort": effort,
        "trials": len(seen),
        "seconds": float(np.mean([one["seconds"] for one in seen])),
        "hits": float(np.mean(np.abs(errors) <= NEAR)),
        "lower_bound_holds": float(np.mean([one["low_holds"] for one in seen])),
        "naive_hits": float(np.mean([abs(one["naive"]) <= NEAR for one in seen])),
        "median_error": float(np.median(errors)),
    }
    print(
        f"{server.name:<30}{true:>7.0f}{effort:>9}{found['seconds']:>9.0f}{found['hits']:>7.3f}"
        f"{found['lower_bound_holds']:>7.3f}{found['naive_hits']:>7.3f}{found['median_error']:>14.1%}",
        flush=True,
    )
    return found


def trial(task: tuple[int, str, int], true: float) -> dict[str, float]:
    """Search one server once: errors as shares of the truth, and the seconds of load."""
    place, effort, number = task
    server, random = SERVERS[place], np.random.default_rng([place, number])
    timed = {size: server.draw(size, TIMED_CALLS, random) for size in (1, 2, 4, 8)}
    services = {
        one: fit_service_times({size: values for size, values in timed.items() if size <= one.batch_cap})
        for one in server.configurations
    }
    seed = 100_000 * (1 + number)
    found = find_capacity(
        lambda *asked: load(place, *asked),
        poisson,
        services.items(),
        server.objective,
        EFFORTS[effort],
        peak_per_second=true,
        seed=seed,
        confidence=CONFIDENCE,
    )
    best = found.configuration
    naive = binary_search(
        place, best, services[best].highest_rate(best.batch_cap, best.instances), found.load_seconds, seed
    )
    return {
        "error": (found.verified_per_second or 0) / true - 1,
        "seconds": found.load_seconds,
        "low_holds": float(found.low_per_second is not None and found.low_per_second <= true),
        "naive": naive / true - 1,
    }


def binary_search(place: int, configuration: Configuration, top: float, seconds: float, seed: int) -> float:
    """Return the last rate that held in a bisection of equal runs, each rate driven once."""
    low, high = 0.0, top
    for step in range(STEPS):
        middle = (low + high) / 2
        held = quantile(load(place, configuration, middle, seed + 50_000 + step, seconds / STEPS), QUANTILE)
        low, high = (middle, high) if held <= SERVERS[place].limit_seconds else (low, middle)
    return low


def poisson(rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """Return Poisson arrivals in [0, seconds)."""
    random = np.random.default_rng(seed)
    return np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))


def load(place: int, configuration: Configuration, rate: float, seed: int, seconds: float) -> NDArray[np.float64]:
    """Return the response times of a run against the simulated server."""
    arrivals = poisson(rate, seconds, seed)[None]
    return simulate(arrivals, loaded(place, configuration), configuration, seed + 1_000_000_000)[0]


@cache
def loaded(place: int, configuration: Configuration) -> ServiceTimes:
    """Return the server's times under load, made once a process."""
    return SERVERS[place].loaded(configuration)


def truth(place: int) -> float:
    """Return the highest rate of the server's best configuration within the limit: by formula, or by bisection.

    The bisection draws the same arrivals at every rate, scaled.
    """
    server = SERVERS[place]
    if server.spread is None:
        return 1 / server.each - math.log(1 / (1 - QUANTILE)) / server.limit_seconds
    return max(_bisected(place, configuration) for configuration in server.configurations)


def _bisected(place: int, configuration: Configuration) -> float:
    _, requests = LONG
    unit = np.cumsum(np.random.default_rng(7).exponential(1, LONG), axis=1)
    service = loaded(place, configuration)
    low, high = 0.0, service.highest_rate(configuration.batch_cap, configuration.instances)
    for _ in range(10):
        middle = (low + high) / 2
        steady = simulate(unit / middle, service, configuration, 8)[:, requests // 4 :]
        held = quantile(steady, QUANTILE) <= SERVERS[place].limit_seconds
        low, high = (middle, high) if held else (low, middle)
    return low


if __name__ == "__main__":
    main()
