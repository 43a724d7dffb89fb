"""The client's process: `python -m tasks.endpoint REQUEST.json [RESPONSE.json]`, or a conversation without them."""

from __future__ import annotations

import sys

from tasks.child import converse, serve
from tasks.endpoint.run import Client, EndpointOffer, Opening
from tasks.evidence import LoadRun
from tasks.records import Record


class EndpointRequest(Record):
    """Loads to offer to one endpoint, one after the other."""

    opening: Opening
    offers: tuple[EndpointOffer, ...]


class EndpointResponse(Record):
    """The runs, in the order of the offers."""

    runs: tuple[LoadRun, ...]


def run_all(request: EndpointRequest) -> EndpointResponse:
    """Offer each load."""
    client = Client(request.opening)
    return EndpointResponse(runs=tuple(client.run(offer) for offer in request.offers))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(EndpointRequest, run_all)
    else:
        converse(Opening, lambda opening: Client(opening).run, EndpointOffer)
