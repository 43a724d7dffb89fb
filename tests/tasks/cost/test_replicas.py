"""Erlang's formulas."""

from __future__ import annotations

import math

import pytest
from support.queues import SERVICE

from tasks.cost.replicas import erlang_c, erlang_servers, slower_than
from tasks.evidence import Objective

OBJECTIVE = Objective(quantile=0.99, limit_seconds=0.1)
CAPACITY = 1 / SERVICE - math.log(100) / OBJECTIVE.limit_seconds  # of exponential service, by formula


def test_the_share_that_waits_is_erlangs() -> None:
    """One server is busy for a share of the time that is its load; two, at a load of one, make a third wait."""
    assert erlang_c(1, 0.7) == pytest.approx(0.7)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(10, 8.0) == pytest.approx(0.4092, abs=1e-4)
    assert 0 < erlang_c(400, 380) < 1


def test_more_load_than_servers_is_refused() -> None:
    """Such a queue grows for ever."""
    with pytest.raises(ValueError, match="must lie between 0 and the 2 servers"):
        erlang_c(2, 2.0)


def test_one_servers_response_is_exponential() -> None:
    """In M/M/1 the response has the rate mu - lambda, also where wait and service would have the same rate in M/M/2."""
    assert slower_than(0.1, 1, CAPACITY, SERVICE) == pytest.approx(0.01)
    near = slower_than(0.01, 2, 1 / SERVICE + 1e-3, SERVICE)
    assert slower_than(0.01, 2, 1 / SERVICE, SERVICE) == pytest.approx(near, rel=1e-3)


def test_servers_are_enough_and_no_more() -> None:
    """One fewer misses the objective."""
    rate, strict = 700.0, Objective(quantile=0.99, limit_seconds=0.026)
    found = erlang_servers(rate, SERVICE, strict)
    late = [slower_than(strict.limit_seconds, count, rate, SERVICE) for count in (found - 1, found)]
    assert late[1] <= 1 - strict.quantile < late[0]


def test_service_over_the_limit_is_refused() -> None:
    """No number of servers makes one of them faster."""
    with pytest.raises(ValueError, match="no number of servers helps"):
        erlang_servers(10, OBJECTIVE.limit_seconds / math.log(50), OBJECTIVE)
