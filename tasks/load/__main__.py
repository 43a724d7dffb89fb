"""The child process of a load test: `python -m tasks.load REQUEST.json [RESPONSE.json]`, or a conversation without them."""

from __future__ import annotations

from tasks.load.bench import Bench, Opening
from tasks.load.child import answer_offers
from tasks.load.run import Offer

if __name__ == "__main__":
    answer_offers(Opening, lambda opening: Bench(opening).run, Offer)
