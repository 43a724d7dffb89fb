"""The child process of the benchmark of generators: one loaded server, to which either of them offers loads.

`python -m load_engines`, as the benchmark starts it, with this folder on PYTHONPATH.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from mlcommons_loadgen import loadgen  # noqa: E402

from tasks.core.worker import answer_requests  # noqa: E402
from tasks.evidence import Engine  # noqa: E402, TC001  the record reads it
from tasks.performance.load.run import Offer, run_load  # noqa: E402
from tasks.performance.load.server_under_test import ServerOpening, ServerUnderTest  # noqa: E402

if TYPE_CHECKING:
    from tasks.evidence import LoadRun


class EngineOffer(Offer):
    """A load to offer, and which generator offers it."""

    engine: Engine = "launchgate"


def run(bench: ServerUnderTest, offer: EngineOffer) -> LoadRun:
    """Offer a load by its generator. Raises StageError as `run_load` does, and where LoadGen is not installed."""
    sender = bench.engine if offer.engine == "launchgate" else loadgen()
    return run_load(bench.answerer(offer.replica), offer, bench.opening.out, sender)


if __name__ == "__main__":
    answer_requests(ServerOpening, lambda opening: partial(run, ServerUnderTest(opening)), EngineOffer)
