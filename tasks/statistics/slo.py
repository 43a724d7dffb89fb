"""Whether a run under open-loop load keeps a limit on a percentile of its response times, and what would settle it.

The run is cut into blocks of time. A percentile is within a limit where the share of requests over it is small enough, so
the mean of the blocks' shares is held to what the percentile leaves, with the error that it would have at the limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np

from tasks.statistics.bounds import Verdict, check_confidence, decide_upper, sample
from tasks.statistics.queue_replay import Arrivals, Services, infer_services

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

BLOCKS = 20
FEWEST_OVER = (
    60  # requests in as small a share as is asked for: a run of fewer may have missed what makes its percentile
)
MOST_BUSY = 0.65  # share of time: above it a few more services change a percentile by as much as a replay can tell
UNKNOWN_SERVERS = 1.5  # times, by which a run's own values are to stay under a limit that a replay would just keep
LEVELS = 400  # of response time, at which a bound is looked for
MOST_ALIKE = 0.95  # correlation of a block with the next one that is counted
MOST_TIMES = 1e3  # as long as the run: nobody waits for more
KEPT = 16  # runs whose replay is kept: the gate, the report and each look ask for the same ones


@dataclass(frozen=True, slots=True)
class Responses:
    """Response times in seconds, shape (n,), in order of arrival; infinite where none came.

    `replayed`, shape (draws, n), are those that the same services would show under other arrivals; None where they can't be
    told, and `because` says why.
    """

    seconds: NDArray[np.float64]
    replayed: NDArray[np.float64] | None
    because: str


@dataclass(frozen=True, slots=True)
class ResponseBound:
    """A percentile of response times in seconds: of the run, and one-sided bounds of what it is in the long run.

    The upper bound comes from a replay of the services (`method`), or from the `values` of the run, and then `because` says
    why; the lower one from the values. The upper one is None of a run too short to have seen what makes the percentile.
    """

    q: float
    estimate: float
    low: float | None
    high: float | None
    method: Literal["replay", "values"]
    because: str
    requests: int


@dataclass(frozen=True, slots=True)
class SloVerdict:
    """Whether a percentile keeps its limit, and how many more requests would settle it if the run goes on as it did.

    `more_requests` is 0 where it is settled and None where no number of them can be named.
    """

    outcome: Verdict
    more_requests: int | None


def confidence_at_look(confidence: float, look: int) -> float:
    """Return the confidence to ask for at the first, second, ... look at a load that goes on until one look can tell.

    A look may be wrong half as often as the one before it, so that all of them together are as seldom wrong as asked.
    Raises ValueError for a look before the first. Source: Bonferroni's inequality.
    """
    if look < 1:
        raise ValueError(f"look {look} must be 1 or later")
    return 1 - (1 - confidence) / float(2**look)


def requests_to_look(q: float) -> int:
    """Return how many requests a run must hold before it can be taken to have seen what makes its quantile."""
    return math.ceil(FEWEST_OVER / (1 - q) - 1e-6)


def replay_run(
    scheduled: ArrayLike,
    seconds: ArrayLike,
    arrivals: Arrivals | None = None,
    servers: int | None = None,
    seed: int = 0,
) -> Responses:
    """Return the responses of a run with those of its replay.

    `scheduled` and `seconds` have shape (n,), in order of scheduled arrival: when each request was due, and how long after
    that it was answered; infinity for those that failed. `arrivals` and `servers` are given where requests are served in
    order of arrival, one at a time on each server: only then is the run replayed, if its servers were not too busy for that.
    Raises ValueError for no times, a NaN, or times out of order.
    """
    took = sample(seconds, fewest=1)
    if arrivals is None or servers is None:
        return Responses(took, None, "how requests are served is not known")
    services = infer_services(scheduled, took, servers)
    if isinstance(services, str):
        return Responses(took, None, services)
    if (busy := services.busy(arrivals.rate)) > MOST_BUSY:
        return Responses(
            took, None, f"the servers are busy {busy:.0%} of the time, and a replay is safe up to {MOST_BUSY:.0%}"
        )
    return Responses(took, services.replay(arrivals, seed), "")


def response_bound(responses: Responses, q: float, confidence: float) -> ResponseBound:
    """Bound a quantile of response times under load.

    Time is cut into 20 blocks, and y is the share of a block's requests over a level. A level is an upper bound where
    mean(y) + t * sqrt(phi * q * (1 - q) / 20) is at most 1 - q, with Student's t of 19 degrees of freedom, there and at all
    levels above; phi, how much blocks differ for what independent ones would, is var(y) / (mean(y) * (1 - mean(y))) times
    (1 + r) / (1 - r), where r is the correlation of a block with the next one, not below 0. It is a lower bound where the same
    distance below mean(y) is over 1 - q. Upper bounds are those of the replay's values; those of the run's own
    are raised by half, since one draw of arrivals holds few episodes.
    Raises ValueError for a confidence that is none, or q outside (0, 1).
    Source: Agresti and Coull, The American Statistician 52 (1998) 119, for the error under the hypothesis (the score test);
    Schmeiser, Operations Research 30 (1982) 556, for 10 to 30 batches; benchmarks/slo_verdict.py for what it is wrong in.
    """
    check_confidence(confidence)
    if not 0 < q < 1:
        raise ValueError(f"quantile {q} must lie between 0 and 1")
    took, replayed = responses.seconds, responses.replayed
    estimate = float(np.quantile(took, q, method="inverted_cdf"))
    high = None
    if took.size >= requests_to_look(q):
        high = _upper(took, q, confidence) * UNKNOWN_SERVERS if replayed is None else _upper(replayed, q, confidence)
    low = _lower(took, q, confidence)
    method: Literal["replay", "values"] = "values" if replayed is None else "replay"
    return ResponseBound(q, estimate, low, high, method, responses.because, took.size)


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
    def looks(self) -> int:
        """How often somebody looked whether the load so far can tell."""


@lru_cache(maxsize=KEPT)
def _replay(found: BoundUnderLoad) -> Responses:
    """Return the responses of a load with those of its replay; `found` is hashable, as every record is."""
    shape = found.gamma_shape
    arrivals = None if shape is None else Arrivals(found.share_per_second, shape)
    return replay_run(found.scheduled, found.responses, arrivals, found.servers)


def bound_under_load(found: BoundUnderLoad, q: float, confidence: float) -> ResponseBound:
    """Bound a quantile of response times of a load that went on until a look could tell. Raises ValueError for no run."""
    return response_bound(_replay(cast("Any", found)), q, confidence_at_look(confidence, found.looks))


def load_verdict(found: BoundUnderLoad, q: float, confidence: float, limit: float) -> SloVerdict:
    """Hold a percentile of a load to a limit in seconds. Raises ValueError for no run."""
    return slo_verdict(_replay(cast("Any", found)), q, confidence_at_look(confidence, found.looks), limit)


def slo_verdict(responses: Responses, q: float, confidence: float, limit: float) -> SloVerdict:
    """Hold a percentile to a limit in seconds; the errors of a longer run shrink with the root of its length."""
    outcome = decide_upper(response_bound(responses, q, confidence), limit)
    if outcome != "inconclusive":
        return SloVerdict(outcome, 0)
    took, replayed = responses.seconds, responses.replayed
    held = limit / UNKNOWN_SERVERS if replayed is None else limit
    mean, reach = _shares_over(took if replayed is None else replayed, np.array([held]), q, confidence)
    gap = abs(1 - q - float(mean[0]))
    times = (float(reach[0]) / gap) ** 2 if gap else math.inf
    if times > MOST_TIMES:
        return SloVerdict(outcome, None)
    wanted = max(math.ceil(took.size * times), requests_to_look(q))
    return SloVerdict(outcome, max(1, wanted - took.size))


def _levels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return levels of response time in seconds, rising, the closer together in share the further up; shape (levels,)."""
    ordered = np.sort(values, axis=None)
    places = np.ceil(ordered.size * (1 - np.geomspace(1, 1 / ordered.size, LEVELS))).astype(int)
    return np.asarray(ordered[np.unique([*places.clip(0, ordered.size - 1), ordered.size - 1])])


def _upper(values: NDArray[np.float64], q: float, confidence: float) -> float:
    """Return the lowest level over which, and over any higher one, surely no more than 1 - q of requests are."""
    levels = _levels(values)
    mean, reach = _shares_over(values, levels, q, confidence)
    over = np.flatnonzero(mean + reach > 1 - q)
    return float(levels[over[-1] + 1] if over.size else levels[0])


def _lower(values: NDArray[np.float64], q: float, confidence: float) -> float | None:
    """Return the highest level that surely more than 1 - q of requests reach, None where there is none."""
    levels = _levels(values)
    mean, reach = _shares_over(values, levels, q, confidence, reached=True)
    below = np.flatnonzero(mean - reach > 1 - q)
    return float(levels[below[-1]]) if below.size else None


def _shares_over(
    values: NDArray[np.float64], levels: NDArray[np.float64], q: float, confidence: float, *, reached: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean share over each level, and how far from it the true one may be, were it 1 - q; each of shape (levels,).

    Where a level is to be `reached`, those at it count too.
    """
    from scipy.special import stdtrit

    side: Literal["left", "right"] = "left" if reached else "right"
    blocks = np.array_split(values, min(BLOCKS, values.shape[-1]), axis=-1)
    sorted_blocks = [np.sort(block, axis=None) for block in blocks]
    shares = np.array([1 - np.searchsorted(block, levels, side=side) / block.size for block in sorted_blocks])
    if len(blocks) == 1:
        return shares[0], np.full(levels.size, np.inf)
    mean = shares.mean(axis=0)
    off = shares - mean
    squares = (off**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = np.clip(np.nan_to_num((off[1:] * off[:-1]).sum(axis=0) / squares), 0, MOST_ALIKE)
        differ = np.nan_to_num(squares / (len(blocks) - 1) / (mean * (1 - mean)))
    phi = differ * (1 + alike) / (1 - alike)
    return mean, stdtrit(len(blocks) - 1, confidence) * np.sqrt(phi * q * (1 - q) / len(blocks))


def services_of(found: BoundUnderLoad) -> Services | None:
    """Return the services of a load, None where they can't be told."""
    if found.servers is None:
        return None
    services = infer_services(found.scheduled, found.responses, found.servers)
    return None if isinstance(services, str) else services
