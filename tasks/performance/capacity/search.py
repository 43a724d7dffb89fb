"""The search for a replica's capacity: simulate every configuration, load the best few, and verify the answer on fresh arrivals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.core.errors import StageError
from tasks.evidence import CapacityEvidence, Configuration, Objective, Probed
from tasks.performance.capacity.estimate import Track
from tasks.performance.capacity.response_model import Model
from tasks.performance.capacity.simulate import quantile
from tasks.statistics import values_bound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from tasks.performance.capacity.service_times import ServiceTimes

SAFE_START = 0.9  # of the predicted capacity, for the first run of a configuration
WORTH_RAISING = (
    1.03  # a verified rate stands where the estimate, with the verification's own runs, is no more than this of it
)
FEWEST_SLOWER = 2  # requests of a run that are to be expected above the quantile
HOPELESS = 0.1  # of the predicted capacity: a replica that has to be driven slower than that is not searched further


@dataclass(frozen=True, slots=True)
class Effort:
    """How much load an answer may take: seconds a run, and how many runs of each kind.

    A run is longer where its seconds hold too few requests for the quantile (fewer than 200 for p99).
    `finalists` configurations get one pilot run each, the best of them `search_runs` more. A verification takes
    `verify_runs` on fresh seeds, and there are at most `verifications`; the rate is lowered by `step_down` after the first
    that fails, by twice as much after the second, and so on.
    """

    run_seconds: float
    finalists: int = 2
    search_runs: int = 16
    verify_runs: int = 8
    verifications: int = 6
    step_down: float = 0.005


def find_capacity(
    probe: Callable[[Configuration, float, int, float], NDArray[np.float64]],
    schedule: Callable[[float, float, int], NDArray[np.float64]],
    services: Iterable[tuple[Configuration, ServiceTimes]],
    objective: Objective,
    effort: Effort,
    *,
    peak_per_second: float,
    seed: int,
    confidence: float,
    enough_per_second: float = math.inf,
) -> CapacityEvidence:
    """Return the highest rate that the best configuration sustains, verified on seeds that no estimate had used before.

    `probe(configuration, rate, seed, seconds)` loads a replica and returns the response time of each request in seconds,
    shape (n,), from its scheduled arrival and in that order, infinite for a failed one. `schedule(rate, seconds, seed)`
    returns the arrivals of that run, shape (n,), in seconds from its start. `services` has each configuration with its service times, measured with its threads and while its other instances were
    busy. It is read one by one, and no further than to the first that promises enough. Seeds count up from `seed`.
    `peak_per_second` is what all replicas are to carry; it goes into the record and does not steer the search. No rate above
    `enough_per_second` is driven: a replica that sustains that much is searched no further.
    Raises ValueError without a configuration, StageError where a run does not answer for every arrival.
    """
    load = _Load(probe, objective, effort.run_seconds, enough_per_second, seed)
    tracks = (Track(Model(service, one, objective, schedule), seed) for one, service in services)
    best = _best(tracks, load, effort.finalists)
    verified = _climb(best, load, effort) if best.runs else None
    low, high = _bounds(best, verified, objective, confidence)
    return CapacityEvidence(
        objective=objective,
        peak_per_second=peak_per_second,
        configuration=best.model.configuration,
        predicted_per_second=best.predicted,
        verified_per_second=verified.rate if verified else None,
        estimated_per_second=best.estimate,
        low_per_second=low,
        high_per_second=high,
        confidence=confidence,
        load_seconds=sum(one.seconds for one in load.probed),
        probed=tuple(load.probed),
        enough_per_second=enough_per_second if math.isfinite(enough_per_second) else None,
        curve=best.curve(seed) if best.runs else (),
    )


@dataclass(frozen=True, slots=True)
class _Verified:
    """A rate whose runs, on fresh arrivals, were within the limit together, and their response times in order."""

    rate: float
    responses: NDArray[np.float64]


@dataclass(slots=True)
class _Load:
    """Runs under load, each on a seed of its own, and what was seen."""

    probe: Callable[[Configuration, float, int, float], NDArray[np.float64]]
    objective: Objective
    seconds: float
    enough: float
    seed: int
    probed: list[Probed] = field(default_factory=list)

    def run(self, purpose: Literal["pilot", "search", "verify"], track: Track, rate: float) -> NDArray[np.float64]:
        """Drive one run, have the track learn from it, and return its response times."""
        rate = min(rate, self.enough)
        self.seed += 1
        configuration = track.model.configuration
        seconds = max(self.seconds, FEWEST_SLOWER / (1 - self.objective.quantile) / rate)
        due = track.model.schedule(rate, seconds, self.seed).size
        responses = np.asarray(self.probe(configuration, rate, self.seed, seconds), dtype=np.float64)
        if responses.shape != (due,) or not due or np.isnan(responses).any():
            raise StageError(
                f"a load run of {seconds:.3g} s at {rate:.4g} a second gave {responses.size} response times for "
                f"{due} arrivals (seed {self.seed}); each arrival needs one, infinite where it failed"
            )
        seen = quantile(responses, self.objective.quantile)
        self.probed.append(
            Probed(
                purpose=purpose,
                configuration=configuration,
                rate_per_second=rate,
                seed=self.seed,
                seconds=seconds,
                requests=responses.size,
                failed=int(np.isinf(responses).sum()),
                over_limit=int((responses > self.objective.limit_seconds).sum()),
                quantile_seconds=seen if math.isfinite(seen) else None,
                implied_per_second=track.learn(rate, seconds, self.seed, responses),
            )
        )
        return responses

    def promise(self, track: Track) -> float:
        """Return the rate that a configuration is taken to sustain, as far as it matters."""
        return min(track.estimate, self.enough)


def _best(tracks: Iterator[Track], load: _Load, finalists: int) -> Track:
    """Load the configuration that promises most, until the one that does has been loaded, or `finalists` have been.

    Of those that promise enough, it is the first: what comes after it is not even simulated, unless its run under load
    shows less. Raises ValueError where there is none.
    """
    known: list[Track] = []
    for _ in range(finalists):
        while not any(load.promise(one) >= load.enough for one in known) and (another := next(tracks, None)):
            known.append(another)
        if not known:
            raise ValueError("there is no configuration to measure; give at least one with its service times")
        leader = max(known, key=load.promise)
        if leader.runs or not leader.estimate:
            break
        load.run("pilot", leader, SAFE_START * leader.estimate)
    return max((one for one in known if one.runs), key=load.promise, default=known[0])


def _bounds(
    best: Track, verified: _Verified | None, objective: Objective, confidence: float
) -> tuple[float | None, float | None]:
    """Return one-sided bounds of the capacity: those of the runs by the model, but what was seen outranks what it says.

    A verified rate is no more than the capacity if a bound of its quantile is within the limit, and the capacity is not
    known to be less.
    """
    if not best.runs:
        return 0.0, 0.0
    low, high = best.bounds(confidence)
    if verified:
        held = values_bound(verified.responses, objective.quantile, confidence, objective.limit_seconds).high
        if held is not None and held <= objective.limit_seconds:
            low = max(low or 0.0, verified.rate)
        high = None if high is None else max(high, verified.rate)
    return low, high


def _climb(best: Track, load: _Load, effort: Effort) -> _Verified | None:
    """Load at the estimate, which moves with each run; then verify it on fresh arrivals and step down where that fails.

    A rate that passes is raised, and verified again, where by then the estimate is well above it.
    """
    for _ in range(effort.search_runs):
        if best.next_rate() < HOPELESS * min(best.predicted, load.enough):
            return None
        if best.next_rate() >= load.enough:
            break
        load.run("search", best, best.next_rate())
    verified: _Verified | None = None
    failed, failures = math.inf, 0
    for _ in range(effort.verifications):
        rate = min(best.next_rate(), load.enough, failed * (1 - effort.step_down * failures))
        if verified and rate < WORTH_RAISING * verified.rate:
            break
        fresh = np.concatenate([load.run("verify", best, rate) for _ in range(effort.verify_runs)])
        if quantile(fresh, load.objective.quantile) <= load.objective.limit_seconds:
            verified = _Verified(rate, fresh)
        else:
            failed, failures = rate, failures + 1
    return verified
