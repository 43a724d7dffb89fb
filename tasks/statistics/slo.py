"""Whether a run under open-loop load keeps a limit on a percentile of its response times, and what would settle it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Protocol

from tasks.statistics.bounds import Verdict, decide_upper, sample
from tasks.statistics.dependent_quantiles import dependent_quantile, variance_inflation
from tasks.statistics.queue_replay import fewest, replayed_quantile
from tasks.statistics.queue_resampling import BLOCKS, Arrivals
from tasks.statistics.rates import rows_for_rate_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

MOST_TIMES = 1e6  # as long as the run: nobody waits for more
FAR_BELOW = 4  # times under a limit, from where clusters of responses say nothing of those over it
MOSTLY_BELOW, ALL_BELOW = 5, 2  # or so many times, but for a few, and all of them
FEW = 0.1  # of the share that the quantile leaves
FEWEST_EFFECTIVE = 30  # independent requests that a run is worth to say so
KEPT = 64  # bounds of runs: the gate, the report and each look ask for the same ones
LOOKS = 3  # that a run which goes on may take


@dataclass(frozen=True, slots=True)
class ResponseBound:
    """A percentile of response times in seconds: of the run, and one-sided bounds of what it is in the long run.

    `method` says where the bounds come from: `replay` of the services, or `values` of the run itself, and then `because`
    why no replay stands. `effective` is how many independent requests those of the run are worth; `error` is the
    standard error of the logarithm of `long_run`, which is what the replay shows.
    """

    q: float
    estimate: float
    low: float | None
    high: float | None
    method: Literal["replay", "values"]
    because: str
    requests: int
    effective: float
    long_run: float | None = None
    error: float | None = None


@dataclass(frozen=True, slots=True)
class SloVerdict:
    """Whether a percentile keeps its limit, and how many more requests would settle it if the run goes on as it did.

    `more_requests` is 0 where it is settled and None where no number of them can be named.
    """

    outcome: Verdict
    more_requests: int | None


def confidence_at_look(confidence: float, look: int) -> float:
    """Return the confidence to ask for at the first, second or third look at a run that goes on where it cannot tell yet.

    The chances to be wrong at each look add up to that of a single one, and most of it is kept for when most is known.
    Raises ValueError for a look that is not one of them.
    Source: Bonferroni's inequality; Lan and DeMets, Biometrika 70 (1983) 659, for spending it over time.
    """
    if look not in range(1, LOOKS + 1):
        raise ValueError(f"look {look} must be from 1 to {LOOKS}")
    return 1 - (1 - confidence) * look**2 / sum(number**2 for number in range(1, LOOKS + 1))


def response_bound(
    scheduled: ArrayLike,
    seconds: ArrayLike,
    q: float,
    confidence: float,
    arrivals: Arrivals | None = None,
    servers: int | None = None,
    seed: int = 0,
    limit: float | None = None,
) -> ResponseBound:
    """Bound a quantile of response times under load.

    `scheduled` and `seconds` have shape (n,), in order of scheduled arrival: when each request was due, and how long
    after that it was answered; infinity for those that failed. `arrivals` and `servers` are given where requests are
    served in order of arrival, one at a time on each server: then a replay of the services bounds the quantile. If they
    are not, or the run speaks against it, the values themselves do, with their clusters counted. A run that holds fewer
    requests than `fewest` has no upper bound, since it may have missed what makes the quantile.

    A machine that is slower for some seconds makes clusters too, and where a `limit` in seconds is to be told that is far
    above all of them, they are no reason to know nothing: of a run that is long enough, all of it within a quarter of the
    limit, the largest is the upper bound. So it is where one stall reached up to half of it, if all but a tenth of what
    the quantile leaves are within a fifth. By simulation (benchmarks/slo_verdict.py) a queue that is over its
    limit never shows such a run, but for one of stalls so rare that the run holds none, which no rule tells.
    Raises ValueError as `dependent_quantile` does.
    """
    took = sample(seconds, fewest=1)
    refused: str | None = "how requests are served is not known"
    if arrivals is not None and servers is not None:
        found = replayed_quantile(scheduled, took, q, arrivals, servers, seed)
        refused = found.refused
        if refused is None:
            plain = dependent_quantile(took, q, confidence)
            effective = took.size / variance_inflation(took, q)
            low = math.exp(found.log - _student(confidence) * found.error)
            high = _replayed_high(found.log, found.error, confidence)
            return ResponseBound(
                q, plain.estimate, low, high, "replay", "", took.size, effective, math.exp(found.log), found.error
            )
    return values_bound(took, q, confidence, limit, refused or "")


def values_bound(
    seconds: ArrayLike, q: float, confidence: float, limit: float | None = None, because: str = ""
) -> ResponseBound:
    """Bound a quantile of response times by the values themselves, shape (n,) in order of arrival, as `response_bound` says.

    `because` says why no replay stands. Raises ValueError as `dependent_quantile` does.
    """
    took = sample(seconds, fewest=1)
    plain = dependent_quantile(took, q, confidence)
    effective = took.size / variance_inflation(took, q)
    high, most = plain.high, float(took.max())
    if took.size < fewest(q):
        high = None
    elif limit is not None and _far_below(took, q, limit) and effective >= FEWEST_EFFECTIVE:
        high = most if high is None else min(high, most)
    return ResponseBound(q, plain.estimate, plain.low, high, "values", because, took.size, effective)


def _far_below(took: NDArray[np.float64], q: float, limit: float) -> bool:
    if took.max() <= limit / FAR_BELOW:
        return True
    return bool((took > limit / MOSTLY_BELOW).mean() <= (1 - q) * FEW and took.max() <= limit / ALL_BELOW)


class BoundUnderLoad(Protocol):
    """A replica under load, as `LoadEvidence` has it."""

    @property
    def scheduled(self) -> Sequence[float]:
        """When each request was due, in seconds."""

    @property
    def responses(self) -> Sequence[float]:
        """Seconds from then to its answer, infinite where none came."""

    @property
    def share_per_second(self) -> float:
        """The rate at which requests were due."""

    @property
    def gamma_shape(self) -> float | None:
        """The shape of the gaps between them, None where it is not known."""

    @property
    def servers(self) -> int | None:
        """How many requests are served at once, in order; None where not one by one."""

    @property
    def runs(self) -> Sequence[object]:
        """The runs, each of which was looked at before the next one was asked for."""


@lru_cache(maxsize=KEPT)
def bound_under_load(found: BoundUnderLoad, q: float, confidence: float, limit: float | None = None) -> ResponseBound:
    """Bound a quantile of response times over the runs of a replica that went on until a look could tell, or the last one.

    `limit` in seconds is what it is to be held to, if anything. `found` is hashable, as every record is. Raises ValueError for no run.
    """
    shape = found.gamma_shape
    arrivals = None if shape is None else Arrivals(found.share_per_second, shape)
    at = confidence_at_look(confidence, len(found.runs))
    return response_bound(found.scheduled, found.responses, q, at, arrivals, found.servers, limit=limit)


def slo_verdict(bound: ResponseBound, seconds: ArrayLike, limit: float, confidence: float) -> SloVerdict:
    """Hold a percentile to a limit in seconds; `seconds` and `confidence` are those that it was bounded from."""
    outcome = decide_upper(bound, limit)
    if outcome != "inconclusive":
        return SloVerdict(outcome, 0)
    wanted = _requests(bound, sample(seconds, fewest=1), limit, confidence)
    return SloVerdict(outcome, None if wanted is None else max(1, wanted - bound.requests))


def _requests(bound: ResponseBound, took: NDArray[np.float64], limit: float, confidence: float) -> int | None:
    """Return how many requests settle it: errors shrink with the root of their number, clusters stay as large."""
    if bound.long_run is not None and bound.error is not None:
        gap = math.log(limit / bound.long_run)
        room = gap * math.exp(-gap) if 0 < gap < 1 else min(abs(gap), 1 / math.e)
        times = (_student(confidence) * bound.error / room) ** 2 if room > 0 else math.inf
        return math.ceil(bound.requests * times) if times < MOST_TIMES else None
    share, inflation = float((took > limit).mean()), bound.requests / bound.effective
    if share <= 1 - bound.q:
        rows = rows_for_rate_bound(share, 1 - bound.q, confidence)
    else:
        rows = rows_for_rate_bound(1 - share, bound.q, confidence)
    return None if rows is None else max(math.ceil(rows * inflation), fewest(bound.q))


def _replayed_high(log: float, error: float, confidence: float) -> float | None:
    """Return the percentile that lies as many of its own standard errors above the replayed one as the confidence asks.

    Where few services make a queue long, a run that drew too few of them shows too low a percentile and too small an
    error: the error is taken to grow as the percentile does, so d = t * error * e^d, which no d solves above 1 / e.
    Source: the score test's error under the hypothesis, Agresti and Coull, The American Statistician 52 (1998) 119.
    """
    from scipy.special import lambertw

    far = _student(confidence) * error
    return math.exp(log - lambertw(-far).real) if far <= 1 / math.e else None


def _student(confidence: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(BLOCKS - 1, confidence))
