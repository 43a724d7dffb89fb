"""The child process of a load test: `python -m tasks.load REQUEST.json RESPONSE.json`, or a conversation without them."""

from __future__ import annotations

import sys

from tasks.child import converse, serve
from tasks.evidence import LoadRun
from tasks.load.bench import Bench, Opening
from tasks.load.run import Offer
from tasks.records import Record


class LoadRequest(Record):
    """Loads to offer to one server, one after the other."""

    opening: Opening
    offers: tuple[Offer, ...]


class LoadResponse(Record):
    """The runs, in the order of the offers."""

    runs: tuple[LoadRun, ...]


def run_all(request: LoadRequest) -> LoadResponse:
    """Load the server and offer each load."""
    bench = Bench(request.opening)
    return LoadResponse(runs=tuple(bench.run(offer) for offer in request.offers))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(LoadRequest, run_all)
    else:
        converse(Opening, lambda opening: Bench(opening).run, Offer)
