"""What a stage is given that puts a variant under load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.performance.load.arrivals import expected_arrivals
from tasks.performance.load.sample_rows import SampleRows
from tasks.performance.load.server_under_test import ServerOpening

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Business, Measuring
    from tasks.evidence import Arrivals, LatencyEvidence

OPENER = "tasks.performance.load.sample_rows:open_rows"


@dataclass(frozen=True)
class LoadSetup:
    """A variant that answers the production sample at `rows`, with its service times alone, and what a policy asks of it.

    Every request is kept in a file in `out`; the same `seed` gives the same arrivals.
    """

    serving: Serving
    rows: Path
    latency: LatencyEvidence
    measuring: Measuring
    business: Business
    seed: int
    out: Path

    def arrivals(self) -> Arrivals:
        """Return how requests come. Raises StageError where the log's own times are to be replayed and were not kept."""
        return expected_arrivals(self.business, self.rows)

    def opening(self) -> ServerOpening:
        """Return what opens the server under test in its process."""
        sample = SampleRows(serving=self.serving, rows=self.rows)
        return ServerOpening(opener=OPENER, arguments=sample.model_dump(mode="json"), out=self.out)
