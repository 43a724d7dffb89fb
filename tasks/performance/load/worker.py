"""The process of a load test: it loads the server once, then answers each load that it is asked for with the record of the run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Generic, TypeVar

from tasks.core.records import Record
from tasks.core.worker import answer_request, answer_requests
from tasks.evidence import LoadRun

if TYPE_CHECKING:
    from collections.abc import Callable

Opening = TypeVar("Opening", bound=Record)
Offer = TypeVar("Offer", bound=Record)


class Offers(Record, Generic[Opening, Offer]):
    """Loads to offer to what was opened, one after the other."""

    opening: Opening
    offers: tuple[Offer, ...]


class LoadRuns(Record):
    """The runs, in the order of the offers."""

    runs: tuple[LoadRun, ...]


def answer_offers(
    opening: type[Opening], start: Callable[[Opening], Callable[[Offer], LoadRun]], offer: type[Offer]
) -> None:
    """Answer the offers of the file that the command line names, or those of a Conversation where it names none."""
    if len(sys.argv) > 1:
        asked = Offers[opening, offer]  # type: ignore[valid-type]
        answer_request(asked, lambda request: LoadRuns(runs=tuple(map(start(request.opening), request.offers))))
    else:
        answer_requests(opening, start, offer)
