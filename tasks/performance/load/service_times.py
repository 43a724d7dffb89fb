"""How long a batch takes, drawn from measured times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LEAST_LEVELS = 1_000  # quantiles that a batch's time is drawn from


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Seconds of a batch by its size: `table[size, level]`, where levels are equally likely and rise.

    Row 0 is never used. A level is an order statistic of the measured times, so their tail is kept as it was seen.
    """

    table: NDArray[np.float64]

    @property
    def largest(self) -> int:
        """The largest batch that has a time."""
        return len(self.table) - 1

    def highest_rate(self, batch_cap: int, instances: int) -> float:
        """Return the requests a second that `instances` sessions serve if none of them ever waits."""
        sizes = np.arange(1, batch_cap + 1)
        return float(instances * (sizes / self.table[1 : batch_cap + 1].mean(axis=1)).max())

    def draw(self, sizes: NDArray[np.intp], random: np.random.Generator) -> NDArray[np.float64]:
        """Return a time of each batch of these sizes, of the same shape."""
        return self.table[sizes, random.integers(0, self.table.shape[1], sizes.shape)]


def fit_service_times(measured: Mapping[int, Sequence[float]]) -> ServiceTimes:
    """Return the times of every batch size from 1 to the largest measured, from seconds of calls by batch size.

    Between two measured sizes, each level is interpolated; below the smallest, its times stand.
    Raises ValueError where a size has no time, or one that is not above 0.
    """
    sizes = sorted(measured)
    if not sizes or sizes[0] < 1:
        raise ValueError(f"batch sizes {sizes}: at least one is needed, each from 1 on")
    levels = max(LEAST_LEVELS, *(len(values) for values in measured.values()))
    middles = (np.arange(levels) + 0.5) / levels
    rows = []
    for size in sizes:
        seen = np.sort(np.asarray(measured[size], dtype=np.float64))
        if not seen.size or not (np.isfinite(seen).all() and seen[0] > 0):
            raise ValueError(f"the times of batch {size} must be some, finite and above 0; time that batch again")
        rows.append(seen[(middles * seen.size).astype(int)])
    known = np.array(rows)
    wanted = np.arange(sizes[-1] + 1)
    above = np.clip(np.searchsorted(sizes, wanted), 0, len(sizes) - 1)
    below = np.maximum(above - 1, 0)
    left, right = np.asarray(sizes)[below], np.asarray(sizes)[above]
    share = np.clip((wanted - left) / np.maximum(right - left, 1), 0, 1)[:, None]
    table = (1 - share) * known[below] + share * known[above]
    return ServiceTimes(table)
