"""The client of an endpoint: it sends each request as it comes out of the queue, however many are under way."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import time
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import StageError
from tasks.evidence import Calls
from tasks.performance.endpoint.protocols import addresses_of, is_whole
from tasks.performance.load.batcher import QUERY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import aiohttp
    from numpy.typing import NDArray

    from tasks.evidence import Endpoint

AT_ONCE_BYTES = 1 << 16  # read from the queue in one go
KEEP_SECONDS = 1.5  # an idle connection: shorter than servers keep theirs, which would close one while it is used
SHOWN = 200
OWN_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM)
OUTCOMES = ("answered", "error", "malformed", "timeout", "refused", "broken")


def open_http_session(headers: Mapping[str, str], timeout_seconds: float) -> aiohttp.ClientSession:
    """Return a session that opens as many connections as requests are under way, and follows and remembers nothing."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS),
        timeout=aiohttp.ClientTimeout(total=timeout_seconds, ceil_threshold=math.inf),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Content-Type": "application/json", **headers},
    )


class Caller:
    """Calls an endpoint; request k has the body `bodies[rows[k]]`.

    `dispatched` and `completed` are seconds on CLOCK_MONOTONIC, shape (requests,), `completed` infinite where no answer came
    whole; `outcome` has one of OUTCOMES for each.
    """

    def __init__(
        self, session: aiohttp.ClientSession, endpoint: Endpoint, bodies: Sequence[bytes], rows: NDArray[np.intp]
    ) -> None:
        self.dispatched, self.completed = np.full(len(rows), np.inf), np.full(len(rows), np.inf)
        self.outcome = np.full(len(rows), "", dtype=object)
        self.said = ""
        self._own_limit: str | None = None
        self._session, self._protocol, self._url = session, endpoint.protocol, addresses_of(endpoint).infer
        self._bodies, self._rows = bodies, rows.tolist()
        self._statuses: Counter[int] = Counter()
        self._under_way: set[asyncio.Task[None]] = set()
        self._most_at_once = 0

    async def answer(self, requests: int) -> None:
        """Send what comes out of the queue `requests` (a pipe of QUERY items) until it is closed; return with the last answer.

        Raises StageError where this machine has no more connections to give.
        """
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(requests, self._take, requests, closed)
        try:
            await closed.wait()
            await asyncio.gather(*self._under_way)
        finally:
            loop.remove_reader(requests)
        if self._own_limit:
            raise StageError(
                f"this machine could open no more connections ({self._own_limit}), which says nothing of the server; raise its "
                "limits (ulimit -n), or offer a lower rate"
            )

    async def call(self, number: int) -> None:
        """Send one request and note what became of it."""
        import aiohttp

        self.dispatched[number] = time.monotonic()
        try:
            async with self._session.post(
                self._url, data=self._bodies[self._rows[number]], allow_redirects=False
            ) as answer:
                content = await answer.read()
                self.completed[number] = time.monotonic()
        except TimeoutError:
            self._note(number, "timeout", f"no answer within {self._session.timeout.total:g} s")
        except aiohttp.ClientConnectorError as error:
            if error.errno in OWN_LIMITS:
                self._own_limit = error.strerror
            self._note(number, "refused", str(error))
        except aiohttp.ClientResponseError as error:  # an answer that is no HTTP
            self._note(number, "malformed", error.message)
        except (aiohttp.ClientError, OSError) as error:
            self._note(number, "broken", str(error) or type(error).__name__)
        else:
            self._judge(number, answer.status, content)

    def calls(self) -> Calls:
        """Return how all requests ended that got no good answer."""
        ended = Counter(self.outcome.tolist())
        errors, malformed, timeouts, refused, broken = (ended[name] for name in OUTCOMES[1:])
        return Calls(
            errors=errors, malformed=malformed, timeouts=timeouts, refused=refused, broken=broken,
            statuses=tuple(sorted(self._statuses.items())), said=self.said, most_at_once=self._most_at_once,
        )  # fmt: skip

    def _take(self, requests: int, closed: asyncio.Event) -> None:
        taken = os.read(requests, AT_ONCE_BYTES)
        if not taken:
            asyncio.get_running_loop().remove_reader(requests)
            closed.set()
        for number in np.frombuffer(taken, QUERY)["number"].tolist():
            task = asyncio.create_task(self.call(number))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        self._most_at_once = max(self._most_at_once, len(self._under_way))

    def _judge(self, number: int, status: int, content: bytes) -> None:
        if not 200 <= status < 300:  # noqa: PLR2004  what HTTP calls a success
            self._statuses[status] += 1
            self._note(number, "error", f"{status} {content.decode(errors='replace')}")
        elif not is_whole(self._protocol, content):
            self._note(number, "malformed", content.decode(errors="replace"))
        else:
            self.outcome[number] = "answered"

    def _note(self, number: int, outcome: str, said: str) -> None:
        self.outcome[number] = outcome
        self.said = self.said or " ".join(said.split())[:SHOWN]
