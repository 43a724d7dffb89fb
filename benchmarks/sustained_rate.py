"""How near the rate that a replica is said to sustain comes to the truth, on simulated servers.

Each server is a queue whose highest rate within the objective is known: by formula (M/M/1: a p99 response of
ln 100 / (mu - lambda)), or by simulations hundreds of times longer than a run. The services of a run of
as many requests as a look takes say what it sustains. An answer hits where it is within 10%.
Beside it, a binary search for the rate that spends the same requests and drives each rate once, re-testing nothing.

`python benchmarks/sustained_rate.py [--check]`
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import finish, parser

sys.path[:0] = [str(Path(__file__).parent.parent)]

from tasks.evidence import Objective  # noqa: E402
from tasks.performance.load.plan import loaded_queue, most_rate, sustained_rate  # noqa: E402
from tasks.statistics import Services, requests_to_look  # noqa: E402

QUANTILE = 0.99
NEAR, GOAL = 0.1, 0.95
TRIALS = 100
STEPS = 8  # of the binary search
LONG = 2_000_000  # services that tell the truth


@dataclass(frozen=True)
class Server:
    """A queue of one server: mean seconds of a service, and their spread.

    `spread` is the standard deviation of the logarithm, None for exponential times; a share `stalls` takes `stall_seconds` more.
    """

    name: str
    mean: float
    spread: float | None
    limit_seconds: float
    stalls: float = 0.0
    stall_seconds: float = 0.0

    @property
    def objective(self) -> Objective:
        """99% of requests within the limit."""
        return Objective(quantile=QUANTILE, limit_seconds=self.limit_seconds)

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Return so many service times in seconds."""
        if self.spread is None:
            return random.exponential(self.mean, count)
        stalled = self.stall_seconds * (random.random(count) < self.stalls)
        return random.lognormal(math.log(self.mean) - self.spread**2 / 2, self.spread, count) + stalled

    def truth(self) -> float:
        """Return the highest rate within the limit: by formula, or from two million services."""
        if self.spread is None:
            return 1 / self.mean - math.log(1 / (1 - QUANTILE)) / self.limit_seconds
        return told(self, Services(self.draw(LONG, np.random.default_rng(1)), 1, 1.0))


SERVERS = (
    Server("single, regular, 10 ms", 0.0100, 0.3, 0.050),
    Server("M/M/1, 5 ms", 0.0050, None, 0.100),
    Server("M/M/1, 1.7 ms", 1 / 600, None, 0.050),
    Server("12 ms, stalls", 0.0120, 0.2, 0.100, 0.002, 0.080),
)


def main() -> None:
    """Run every trial, print the table, and give the share of hits."""
    parser(__doc__ or "").parse_args()
    print(f"{'server':<26}{'truth':>7}{'hits':>7}{'binary search':>15}{'median error':>14}{'half of them within':>21}")
    rows = []
    for place, server in enumerate(SERVERS):
        truth = server.truth()
        random = np.random.default_rng([place, 7])
        services = [Services(server.draw(requests_to_look(QUANTILE), random), 1, 1.0) for _ in range(TRIALS)]
        errors = np.array([told(server, each) / truth - 1 for each in services])
        naive = np.array([binary_search(server, random) / truth - 1 for _ in range(TRIALS)])
        row = {
            "server": server.name, "truth": truth, "trials": TRIALS, "hits": float(np.mean(np.abs(errors) <= NEAR)),
            "binary_search": float(np.mean(np.abs(naive) <= NEAR)), "median_error": float(np.median(errors)),
            "half_within": float(np.median(np.abs(errors))),
        }  # fmt: skip
        print(
            f"{server.name:<26}{truth:>7.1f}{row['hits']:>7.2f}{row['binary_search']:>15.2f}{row['median_error']:>14.1%}"
            f"{row['half_within']:>21.1%}",
            flush=True,
        )
        rows.append(row)
    rate = float(np.mean([row["hits"] for row in rows]))
    finish("sustained_rate", rate, f">={GOAL}", rate >= GOAL, {"rows": rows})


def told(server: Server, services: Services) -> float:
    """Return the rate that the services of a run are said to sustain."""
    return sustained_rate(loaded_queue(services, 1.0), most_rate(services), (server.objective,), 1.0, 1.0)


def binary_search(server: Server, random: np.random.Generator) -> float:
    """Return the last rate that held in a bisection of equal runs, each rate driven once."""
    low, high = 0.0, 1 / server.mean
    for _ in range(STEPS):
        middle = (low + high) / 2
        count = requests_to_look(QUANTILE) // STEPS
        services, arrived = server.draw(count, random), np.cumsum(random.exponential(1 / middle, count))
        done = np.cumsum(services)
        took = done + np.maximum.accumulate(arrived - done + services) - arrived
        low, high = (middle, high) if np.quantile(took, QUANTILE) <= server.limit_seconds else (low, middle)
    return low


if __name__ == "__main__":
    main()
