"""A load that goes on until one look at it can tell whether a latency budget is kept."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.evidence import Loaded
from tasks.performance.load.request_log import read_raw, response_seconds
from tasks.statistics import bound_under_load, decide_upper, load_verdict, requests_to_look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.evidence import EndpointEvidence, LoadEvidence, LoadRun, Objective
    from tasks.statistics.bounds import Verdict

LOOKS = 2  # at one rate
SEEDS = 1_000  # between the arrivals of one run and those of the next
SPARE = 4  # roots of the requests that a look takes, so many more, since chance sends some fewer


def seconds_to_look(objectives: Sequence[Objective], rate: float) -> float:
    """Return how long a run at `rate` requests a second must be, for each quantile to be told where nothing is wrong."""
    wanted = max(requests_to_look(each.quantile) for each in objectives)
    return (wanted + SPARE * math.sqrt(wanted)) / rate


def verdict_so_far(
    found: LoadEvidence | EndpointEvidence, objectives: Sequence[Objective], confidence: float
) -> Verdict:
    """Tell whether every objective is known to be kept, or one to be missed, by all runs so far."""
    verdicts = {
        decide_upper(bound_under_load(found, each.quantile, confidence), each.limit_seconds) for each in objectives
    }
    return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"


def may_tell(found: LoadEvidence | EndpointEvidence, objectives: Sequence[Objective], confidence: float) -> bool:
    """Tell whether as many requests again are likely to settle every objective, if they go on as they did."""
    asked = (load_verdict(found, each.quantile, confidence, each.limit_seconds).more_requests for each in objectives)
    return all(more is not None and more <= found.requests for more in asked)


def with_requests(run: LoadRun, out: Path) -> Loaded:
    """Return a run with its requests, as they lie in the folder `out`."""
    table = read_raw(out / Path(run.raw.path).name)
    took = response_seconds(table)
    return Loaded(
        run=run,
        scheduled_seconds=tuple(table["scheduled"].tolist()),
        response_seconds=tuple(None if np.isinf(one) else one for one in took.tolist()),
    )
