"""When requests arrive: Poisson, gamma, or the production log's own times scaled to a mean rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.evidence import GammaArrivals, PoissonArrivals, ReplayArrivals

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from tasks.core.settings import Business
    from tasks.evidence import Arrivals

GAPS_AT_ONCE = 4096
MICROSECONDS = 1e6
FEWEST_TIMES = 2
TIMES_SUFFIX = ".times.npy"


def expected_arrivals(business: Business, rows: Path) -> Arrivals:
    """Return how a policy expects requests to arrive; the log's own times are those kept beside its sample at `rows`.

    Raises StageError where none were kept.
    """
    if business.arrivals == "random":
        return PoissonArrivals() if business.burstiness == 1 else GammaArrivals(variation=business.burstiness)
    times = times_beside(rows)
    if not times.exists():
        raise StageError(
            f"the policy has the log's own times replayed (business.arrivals), and there are none beside {rows.name}: a "
            "launch keeps them as it samples the log. Sample the log anew, or ask for arrivals: random"
        )
    return ReplayArrivals(times=times, sha256=digest(times))


def times_beside(rows: Path) -> Path:
    """Return where the times of a log lie whose sample is at `rows`."""
    return rows.with_name(rows.stem + TIMES_SUFFIX)


def scheduled(arrivals: Arrivals, rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """Return the times of all arrivals in [0, seconds), shape (n,), in seconds and in order; `rate` is their mean a second.

    The same seed gives the same times. Raises StageError where a replayed log holds too few times to have gaps.
    """
    random = np.random.default_rng(seed)
    if isinstance(arrivals, ReplayArrivals):
        return _replayed(np.load(arrivals.times), rate, seconds, random)
    # A gamma distribution's coefficient of variation is 1 / sqrt(shape); of shape 1 it is the exponential one.
    shape = 1.0 if isinstance(arrivals, PoissonArrivals) else arrivals.variation**-2
    times = [np.zeros(1)]
    while times[-1][-1] < seconds:
        times.append(times[-1][-1] + np.cumsum(random.gamma(shape, 1 / (rate * shape), GAPS_AT_ONCE)))
    all_times = np.concatenate(times[1:])
    return all_times[all_times < seconds]


def keep_times(times_us: ArrayLike, path: Path) -> ReplayArrivals:
    """Write the times of a log's requests, int64 microseconds since 1970 [requests] in any order, to be replayed."""
    np.save(path, np.sort(np.asarray(times_us, dtype=np.int64)))
    return ReplayArrivals(times=path, sha256=digest(path))


def _replayed(
    times_us: NDArray[np.int64], rate: float, seconds: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return as many consecutive requests as the rate asks for, from a place drawn by chance, drawn out over `seconds`.

    All gaps are scaled alike, so bursts and the shape of a day are kept. The log is a ring: its last request is followed
    by its first, after its mean gap. A log whose clock ticks in whole seconds has many requests at one tick, which are no
    burst: within a tick each gets a place of its own by chance.
    """
    if len(times_us) < FEWEST_TIMES or times_us[0] == times_us[-1]:
        raise StageError(
            f"the log holds {len(times_us)} request times and no gap between them, so it can't be replayed"
        )
    tick = int(np.gcd.reduce(np.diff(times_us)))
    own = np.sort((times_us - times_us[0]) / MICROSECONDS + random.uniform(0, tick / MICROSECONDS, len(times_us)))
    gaps = np.append(np.diff(own), own[-1] / (len(own) - 1))
    count = max(1, round(rate * seconds))
    first = int(random.integers(len(gaps)))
    ring = gaps[(first + np.arange(count)) % len(gaps)]
    ends = np.cumsum(ring)
    return np.asarray((ends - ring) * (seconds / ends[-1]))
