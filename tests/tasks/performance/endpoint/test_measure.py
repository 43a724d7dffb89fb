"""A load that goes on until it can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.endpoint_runs import LONG_MS, opening
from support.faulty_server import Server, running

from tasks.evidence import GammaArrivals, Objective, PoissonArrivals
from tasks.performance.endpoint.measure import measure_endpoint

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

MEDIAN = Objective(quantile=0.5, limit_seconds=LONG_MS / 1000)


def test_a_load_goes_on_with_fresh_arrivals_until_it_can_tell(tmp_path: Path) -> None:
    """Some 200 requests tell of a median, twice as many nothing of one in a thousand; nobody knows the servers."""
    with running(Server(lambda _: "answer")) as url:
        settled = measure_endpoint(opening(tmp_path, url), PoissonArrivals(), 200, 1, (MEDIAN,), 0.95, 1)
        more = (MEDIAN, MEDIAN.model_copy(update={"quantile": 0.999}))
        open_ended = measure_endpoint(opening(tmp_path, url), GammaArrivals(variation=2), 200, 1, more, 0.95, 1)
    assert (len(settled.runs), len(open_ended.runs)) == (1, 2)
    assert (settled.servers, settled.gamma_shape, open_ended.gamma_shape) == (None, 1, 0.25)
    assert len({each.scheduled_seconds for each in open_ended.runs}) == 2
    assert open_ended.requests == len(open_ended.responses) == len(open_ended.scheduled)
