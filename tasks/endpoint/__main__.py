"""The client's process: `python -m tasks.endpoint REQUEST.json [RESPONSE.json]`, or a conversation without them."""

from __future__ import annotations

import gc
import resource
import sys

from tasks.child import converse, serve
from tasks.endpoint.run import Client, EndpointOffer, Opening
from tasks.evidence import LoadRun
from tasks.load.generator import go_first, sharpen
from tasks.records import Record


class EndpointRequest(Record):
    """Loads to offer to one endpoint, one after the other."""

    opening: Opening
    offers: tuple[EndpointOffer, ...]


class EndpointResponse(Record):
    """The runs, in the order of the offers."""

    runs: tuple[LoadRun, ...]


def open_client(opening: Opening) -> Client:
    """Return the client, and make this process fit for it: prompt, and with as many connections as it may have."""
    client = Client(opening)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()  # what is loaded by now is never garbage, and each collection is shorter without it
    sharpen()
    go_first()
    return client


def run_all(request: EndpointRequest) -> EndpointResponse:
    """Offer each load."""
    client = open_client(request.opening)
    return EndpointResponse(runs=tuple(client.run(offer) for offer in request.offers))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(EndpointRequest, run_all)
    else:
        converse(Opening, lambda opening: open_client(opening).run, EndpointOffer)
