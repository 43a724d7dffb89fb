"""The child process of a load test: `python -m tasks.performance.load REQUEST.json [RESPONSE.json]`, or a conversation without them."""

from __future__ import annotations

from tasks.performance.load.run import Offer
from tasks.performance.load.server_under_test import ServerOpening, ServerUnderTest
from tasks.performance.load.worker import answer_offers

if __name__ == "__main__":
    answer_offers(ServerOpening, lambda opening: ServerUnderTest(opening).run, Offer)
