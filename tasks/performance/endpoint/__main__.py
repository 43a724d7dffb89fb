"""The client's process: `python -m tasks.performance.endpoint REQUEST.json [RESPONSE.json]`, or a conversation without them."""

from __future__ import annotations

import gc
import resource
from typing import TYPE_CHECKING

from tasks.performance.endpoint.run import Client, EndpointOffer, EndpointOpening
from tasks.performance.load.generator import go_first, sharpen
from tasks.performance.load.worker import answer_offers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.evidence import LoadRun


def open_client(opening: EndpointOpening) -> Callable[[EndpointOffer], LoadRun]:
    """Return what offers loads, and make this process fit for it: prompt, and with as many connections as it may have."""
    client = Client(opening)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()  # what is loaded by now is never garbage, and each collection is shorter without it
    sharpen()
    go_first()
    return client.run


if __name__ == "__main__":
    answer_offers(EndpointOpening, open_client, EndpointOffer)
