"""The simulated replica, against hand-made cases and against formulas of queueing theory."""

from __future__ import annotations

import numpy as np
import pytest
from support.queues import SERVICE, exponential, replica, steady

from tasks.cost.replicas import slower_than
from tasks.performance.load.service_times import fit_service_times
from tasks.performance.load.simulate import _in_batches, simulate

CONSTANT = fit_service_times({1: (1.0,), 4: (1.6,)})


def served(*arrivals: float, **changes: object) -> list[float]:
    """Return the responses at a replica that takes 1 s for one request, and 0.2 s more for each beside it."""
    return [float(x) for x in simulate(np.array([arrivals]), CONSTANT, replica(**changes), 0)[0].round(9)]


def test_requests_wait_for_those_before_them() -> None:
    """One session serves single requests in the order of arrival."""
    assert served(0, 0.5, 3) == [1, 1.5, 1]


def test_a_second_session_takes_the_next_request() -> None:
    """Two sessions serve two at once, the third waits for the first that is free."""
    assert served(0, 0.5, 0.75, instances=2) == [1, 1, 1.25]


def test_a_batch_takes_what_queued_up() -> None:
    """Without waiting, the first leaves alone and the others together once the session is free."""
    assert served(0, 0.1, 0.2, 0.3, largest_batch=4) == pytest.approx([1, 2.3, 2.2, 2.1])


def test_a_batch_waits_until_it_is_full_or_its_oldest_waited_enough() -> None:
    """Four requests leave when the fourth arrives, two when the oldest of them has waited."""
    assert served(0, 0.1, 0.2, 0.3, largest_batch=4, longest_wait_ms=500) == pytest.approx([1.9, 1.8, 1.7, 1.6])
    assert served(0, 0.1, largest_batch=4, longest_wait_ms=500) == pytest.approx([1.7, 1.6])


def test_a_full_queue_is_cut_at_the_cap() -> None:
    """No batch is larger than allowed."""
    assert served(0, 0, 0, 0, 0, largest_batch=4) == pytest.approx([1.6, 1.6, 1.6, 1.6, 2.6])


def test_lanes_do_not_touch_each_other() -> None:
    """A lane with fewer requests ends in NaN, whichever way it is simulated."""
    arrivals = np.array([[0.0, 0.5], [0.0, np.inf]])
    for cap in (1, 4):
        found = simulate(arrivals, CONSTANT, replica(largest_batch=cap), 0)
        assert found == pytest.approx(np.array([[1.0, 1.5], [1.0, np.nan]]), nan_ok=True)


def test_both_ways_to_simulate_single_requests_agree() -> None:
    """The recursion and the events give the same responses where nothing is left to chance."""
    arrivals, single = steady(0.7, lanes=3, requests=300), replica()
    events = _in_batches(arrivals, CONSTANT, single, np.random.default_rng(0))
    assert simulate(arrivals, CONSTANT, single, 0) == pytest.approx(events)


@pytest.mark.parametrize("servers", [1, 3])
def test_exponential_service_has_the_response_of_erlang(servers: int) -> None:
    """The share of slow responses is that of M/M/c."""
    rate = 0.75 * servers / SERVICE
    found = simulate(steady(rate, lanes=200), exponential(), replica(instances=servers), 1)[:, 1_500:]
    for seconds in (0.01, 0.02, 0.03):
        assert np.mean(found > seconds) == pytest.approx(slower_than(seconds, servers, rate, SERVICE), rel=0.06)


def test_constant_service_waits_half_as_long_as_exponential() -> None:
    """The mean wait is that of Pollaczek and Khinchine."""
    load = 0.75
    constant = fit_service_times({1: (SERVICE,)})
    waits = simulate(steady(load / SERVICE), constant, replica(), 1)[:, 1_500:] - SERVICE
    assert waits.mean() == pytest.approx(SERVICE * load / (2 * (1 - load)), rel=0.05)


def test_the_same_seed_gives_the_same_responses() -> None:
    """Another one does not."""
    arrivals = steady(100, lanes=2, requests=50)
    one, again, other = (simulate(arrivals, exponential(), replica(), seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_batch_that_was_not_timed_is_refused() -> None:
    """Times are not extended beyond what was measured."""
    with pytest.raises(ValueError, match="a batch of 8 has no time, the largest timed is 4"):
        simulate(np.array([[0.0]]), CONSTANT, replica(largest_batch=8), 0)
