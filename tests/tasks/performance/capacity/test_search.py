"""The search for a capacity, on simulated servers whose capacity is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.queues import CAPACITY, OBJECTIVE, SERVICE, configuration, exponential, poisson

from tasks.core.errors import StageError
from tasks.performance.capacity import Effort, find_capacity, fit_service_times, quantile, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from tasks.evidence import CapacityEvidence, Configuration
    from tasks.performance.capacity import ServiceTimes

    Probe = Callable[[Configuration, float, int, float], NDArray[np.float64]]

SINGLE = configuration()
EFFORT = Effort(run_seconds=4)
QUICK = Effort(run_seconds=2, search_runs=4, verify_runs=4)


def server(service: ServiceTimes, scale: float = 1.0) -> Probe:
    """Return a load run on a simulated replica whose service times are stretched."""

    def probe(configuration: Configuration, rate: float, seed: int, seconds: float) -> NDArray[np.float64]:
        arrivals = poisson(rate, seconds, seed)[None]
        return simulate(arrivals, service, configuration, seed + 10**6, scale)[0]

    return probe


def search(probe: Probe, services: dict[Configuration, ServiceTimes] | None = None, **changes: Any) -> CapacityEvidence:
    """Return what the search finds."""
    asked: dict[str, Any] = {
        "objective": OBJECTIVE, "effort": EFFORT, "peak_per_second": 500.0, "seed": 10, "confidence": 0.95,
    } | changes  # fmt: skip
    return find_capacity(probe, poisson, (services or {SINGLE: exponential()}).items(), **asked)


@pytest.fixture(scope="module")
def found() -> CapacityEvidence:
    """Return what is found of a server that is what its service times say."""
    return search(server(exponential()))


def test_the_answer_is_near_the_truth(found: CapacityEvidence) -> None:
    """An exponential server's capacity is known by formula; how often the bounds hold it, the benchmark says."""
    assert found.verified_per_second == pytest.approx(CAPACITY, rel=0.1)
    assert found.predicted_per_second == pytest.approx(CAPACITY, rel=0.03)
    assert 0.9 * CAPACITY < (found.low_per_second or 0) < found.estimated_per_second
    assert found.estimated_per_second < (found.high_per_second or 999) < 1.1 * CAPACITY


def test_the_answer_was_driven_on_fresh_seeds_and_held(found: CapacityEvidence) -> None:
    """Every run has a seed of its own, and the last verification's runs together are within the limit."""
    seeds = [one.seed for one in found.probed]
    assert len(set(seeds)) == len(seeds)
    last = [one for one in found.probed if one.purpose == "verify" and one.rate_per_second == found.verified_per_second]
    assert len(last) == EFFORT.verify_runs
    probe = server(exponential())
    again = np.concatenate([probe(SINGLE, one.rate_per_second, one.seed, one.seconds) for one in last])
    assert quantile(again, OBJECTIVE.quantile) <= OBJECTIVE.limit_seconds
    assert found.load_seconds == sum(one.seconds for one in found.probed)


def test_a_server_slower_than_its_service_times_is_found_out() -> None:
    """Twice as slow under load, it carries 100 - 46 requests a second, though the simulation promised 154."""
    found = search(server(exponential(), scale=2.0), effort=Effort(run_seconds=4, search_runs=6, verify_runs=6))
    truth = 0.5 / SERVICE - (1 / SERVICE - CAPACITY)
    assert found.predicted_per_second > 2 * truth
    assert found.verified_per_second == pytest.approx(truth, rel=0.15)


def test_a_lock_that_serialises_sessions_costs_the_better_configuration_its_place() -> None:
    """Four sessions that wait for each other carry what one does, so two that don't are chosen."""
    two, four = configuration(instances=2), configuration(instances=4)
    service = fit_service_times({1: (0.009, 0.010, 0.011)})

    def probe(asked: Configuration, rate: float, seed: int, seconds: float) -> NDArray[np.float64]:
        real = SINGLE if asked == four else asked
        return server(service)(real, rate, seed, seconds)

    found = search(probe, {two: service, four: service}, effort=QUICK)
    assert found.configuration == two
    assert [one.configuration for one in found.probed[:2]] == [four, two]
    assert 100 < (found.verified_per_second or 0) < 200


def test_stalls_that_timing_did_not_show_lower_the_answer() -> None:
    """One request in fifty stalls for the whole limit under load, so no rate is within it, and none is verified."""
    stalling = fit_service_times({1: (*[SERVICE] * 49, 1.05 * OBJECTIVE.limit_seconds)})
    found = search(server(stalling), {SINGLE: fit_service_times({1: (SERVICE,)})}, effort=QUICK)
    assert found.predicted_per_second > 150
    assert found.verified_per_second is None


def test_a_stall_in_the_timing_does_not_grow_with_the_work() -> None:
    """One of 5,000 timed calls was stopped for 108 ms; calls are three times as long under load, that stall is not."""
    timed = fit_service_times({1: (*[0.00065] * 4999, 0.108)})
    loaded = fit_service_times({1: (*[0.0019] * 9999, 0.108)})
    effort = Effort(run_seconds=2, search_runs=6, verify_runs=5, verifications=4, step_down=0.1)
    found = search(server(loaded), {SINGLE: timed}, effort=effort, enough_per_second=500.0)
    assert (found.verified_per_second or 0) > 350
    assert found.estimated_per_second > 350


def test_what_was_verified_outranks_the_model() -> None:
    """Every other run is stalled for less than the limit: the model makes no sense of it, and what was seen still stands."""

    def probe(asked: Configuration, rate: float, seed: int, seconds: float) -> NDArray[np.float64]:
        responses = server(fit_service_times({1: (0.001,)}))(asked, rate, seed, seconds)
        return responses + (0.07 * (np.arange(responses.size) < responses.size // 50) if seed % 2 else 0)

    found = search(probe, {SINGLE: fit_service_times({1: (0.001,)})}, effort=QUICK, enough_per_second=200.0)
    assert found.verified_per_second == 200
    assert found.high_per_second is None or found.high_per_second >= 200


def test_a_replica_that_fails_requests_has_no_capacity() -> None:
    """A failed request is an infinite response."""

    def failing(asked: Configuration, rate: float, seed: int, seconds: float) -> NDArray[np.float64]:
        responses = server(exponential())(asked, rate, seed, seconds)
        responses[::20] = np.inf
        return responses

    found = search(failing, effort=QUICK)
    assert found.verified_per_second is None
    assert all(one.quantile_seconds is None and one.failed for one in found.probed)


def test_service_over_the_limit_is_not_loaded() -> None:
    """Where a request alone takes too long, no rate is within the limit and no second is spent."""
    found = search(server(exponential()), {SINGLE: fit_service_times({1: (0.2,)})})
    assert (found.verified_per_second, found.estimated_per_second, found.high_per_second) == (None, 0, 0)
    assert (found.load_seconds, found.probed) == (0, ())


def test_a_run_that_lost_requests_is_refused() -> None:
    """A response for each arrival, or the run says nothing."""
    with pytest.raises(StageError, match=r"response times for \d+ arrivals \(seed 11\)"):
        search(lambda *_: np.ones(3))


def test_no_configuration_is_refused() -> None:
    """There is nothing to load."""
    with pytest.raises(ValueError, match="there is no configuration to measure"):
        find_capacity(server(exponential()), poisson, (), OBJECTIVE, EFFORT, peak_per_second=1, seed=1, confidence=0.95)


def test_a_replica_that_sustains_enough_is_searched_no_further() -> None:
    """No rate above what was asked for is driven, and it is verified on fresh arrivals; the simplest configuration is taken."""
    first, second = configuration(), configuration(instances=2)
    services = {first: exponential(), second: exponential()}
    enough = 0.6 * CAPACITY
    found = search(server(exponential()), services, enough_per_second=enough)
    assert (found.configuration, found.verified_per_second, found.enough_per_second) == (first, enough, enough)
    assert {run.rate_per_second for run in found.probed} == {enough}
    assert [run.purpose for run in found.probed] == ["pilot"] + ["verify"] * EFFORT.verify_runs
    assert (found.low_per_second or 0) >= enough <= (found.high_per_second or 0)


def test_configurations_are_read_only_until_one_promises_enough() -> None:
    """What comes after it may have to be timed first, which takes seconds; only where its run shows less it is read."""
    first, second = configuration(), configuration(instances=2)
    read: list[Configuration] = []

    def offered() -> Iterator[tuple[Configuration, ServiceTimes]]:
        for one in (first, second):
            read.append(one)
            yield one, exponential()

    def slow(asked: Configuration, rate: float, seed: int, seconds: float) -> NDArray[np.float64]:
        return server(exponential(), scale=3.0 if asked == first else 1.0)(asked, rate, seed, seconds)

    asked: dict[str, Any] = {"peak_per_second": 60.0, "seed": 10, "confidence": 0.95, "enough_per_second": 60.0}
    found = find_capacity(server(exponential()), poisson, offered(), OBJECTIVE, QUICK, **asked)
    assert (found.configuration, read) == (first, [first])
    read.clear()
    found = find_capacity(slow, poisson, offered(), OBJECTIVE, QUICK, **asked)
    assert (found.configuration, read) == (second, [first, second])


def test_the_curve_rises_to_the_limit_at_the_capacity(found: CapacityEvidence) -> None:
    """It begins at service alone, and crosses the limit where the capacity was found."""
    rates, seconds = np.array(found.curve).T
    assert list(seconds) == sorted(seconds)
    assert seconds[0] == pytest.approx(math.log(100) * SERVICE, rel=0.1)
    assert np.interp(OBJECTIVE.limit_seconds, seconds, rates) == pytest.approx(CAPACITY, rel=0.1)  # finite runs
