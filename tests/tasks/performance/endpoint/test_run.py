"""Whole runs against servers that go wrong: every planted fault is counted, and none slows an arrival."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from support.endpoint_runs import LONG_MS, ROWS, opening
from support.faulty_server import Deed, SerialServer, Server, running

from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.evidence import PoissonArrivals
from tasks.performance.endpoint import client
from tasks.performance.endpoint.client import Caller, open_http_session
from tasks.performance.endpoint.run import Client, EndpointOffer, EndpointOpening
from tasks.performance.load.arrivals import scheduled
from tasks.performance.load.request_log import COLUMNS, response_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.evidence import LoadRun

pytestmark = pytest.mark.process

SHORT_SECONDS = 4  # for an answer, where one never comes
FAULTS: tuple[Deed, ...] = ("500", "302", "malformed", "not JSON", "no HTTP", "hang", "close", "half")
PLANTED: dict[int, Deed] = {20 + 4 * number + row: deed for number, deed in enumerate(FAULTS) for row in range(4)}


def offer(**changes: object) -> EndpointOffer:
    """Return a small load."""
    return EndpointOffer.model_validate({"rate": 200, "seconds": 2, "seed": 5, "slo_ms": LONG_MS} | changes)


def run(folder: Path, url: str, timeout_seconds: float = 20, **changes: object) -> tuple[LoadRun, pd.DataFrame]:
    """Return the record of a run and its requests."""
    found = Client(opening(folder, url, timeout_seconds=timeout_seconds)).run(offer(**changes))
    path = folder / found.raw.path
    assert digest(path) == found.raw.sha256
    return found, pd.read_parquet(path)


def seconds(table: pd.DataFrame) -> np.ndarray:
    """Return each request's time from its scheduled arrival, infinite without an answer."""
    return response_seconds({name: table[name].to_numpy() for name in COLUMNS})


def test_every_request_is_sent_when_due_and_recorded(tmp_path: Path) -> None:
    """In order of a schedule that the seed alone decides, each for a row drawn by chance."""
    with running(Server(lambda _: "answer")) as url:
        found, table = run(tmp_path, url)
    due = scheduled(PoissonArrivals(), 200, 2, 5)
    assert (found.requests, found.answered, found.failed, found.unfinished) == (len(due), len(due), 0, 0)
    assert list(table) == list(COLUMNS)
    np.testing.assert_allclose(table["scheduled"], due)
    assert (table["dispatched"] - table["scheduled"] > -1e-6).all()
    assert (table["completed"] > table["dispatched"]).all()
    assert table["row"].tolist() == np.random.default_rng([5, len(due)]).integers(ROWS, size=len(due)).tolist()
    late = (table["dispatched"] - table["scheduled"]).max()
    assert found.lateness.max_seconds == pytest.approx(late)
    assert found.calls is not None
    assert found.calls.most_at_once >= 1
    assert (found.calls.statuses, found.calls.said) == ((), "")


def test_every_planted_fault_is_counted_for_what_it_is(tmp_path: Path) -> None:
    """Each request that got no good answer is counted once, and has no finite time."""
    with running(Server(lambda row: PLANTED.get(row, "answer"))) as url:
        found, table = run(tmp_path, url, timeout_seconds=SHORT_SECONDS, rate=100)
    deeds = table["row"].map(PLANTED)
    planted = deeds.value_counts()
    assert set(planted.index) == set(PLANTED.values()), "every fault was asked for"
    calls = found.calls
    assert calls is not None
    assert calls.errors == planted["500"] + planted["302"]
    assert dict(calls.statuses) == {302: planted["302"], 500: planted["500"]}
    assert calls.malformed == planted["malformed"] + planted["not JSON"] + planted["no HTTP"]
    assert calls.broken == planted["close"] + planted["half"]
    assert calls.timeouts == found.unfinished == planted["hang"]
    assert calls.refused == 0
    assert found.failed == calls.errors + calls.malformed + calls.broken
    assert found.answered + found.failed + found.unfinished == found.requests
    assert np.isinf(seconds(table)[deeds.notna()]).all()
    assert np.isfinite(seconds(table)[deeds.isna()]).all()
    assert calls.said


def test_refused_connections_are_counted(tmp_path: Path) -> None:
    """A server that goes away after the first ten requests, which warm it up, refuses all others."""
    with running(Server(lambda row: "last" if row == 9 else "answer")) as url:
        found, table = run(tmp_path, url, seconds=0.5)
    assert found.calls is not None
    assert found.calls.refused == found.failed == found.requests > 0
    assert set(table["outcome"]) == {"refused"}
    assert "Cannot connect to host 127.0.0.1" in found.calls.said


def test_a_stall_is_felt_by_all_who_wait_behind_it_and_slows_no_arrival(tmp_path: Path) -> None:
    """One answer in a hundred takes a second: a closed loop sees that one alone, here it is the queue behind it too."""
    asked = 0

    def deed(_row: int) -> Deed:
        nonlocal asked
        asked += 1
        return "stall" if asked % 100 == 50 else "answer"

    with running(SerialServer(deed)) as url:
        found, table = run(tmp_path, url, rate=50, seconds=6)
        asked = 0
        closed = asyncio.run(one_after_the_other(opening(tmp_path, url), calls=300))
    stalls = found.requests // 100
    assert found.answered == found.requests
    assert (
        seconds(table) > 0.5
    ).sum() > 10 * stalls  # of the 50 a second that arrive, 25 wait for more than half of it
    assert np.quantile(seconds(table), 0.9) > 0.5
    assert found.calls is not None
    assert found.calls.most_at_once > 20
    assert (closed > 0.5).sum() < (seconds(table) > 0.5).sum() / 5
    np.testing.assert_allclose(table["scheduled"], scheduled(PoissonArrivals(), 50, 6, 5))


async def one_after_the_other(opened: EndpointOpening, calls: int) -> np.ndarray:
    """Return the seconds of calls in a closed loop, each sent when the one before is answered."""
    bodies = opened.bodies.read_bytes().splitlines()
    async with open_http_session({}, 20) as session:
        caller = Caller(session, opened.endpoint, bodies, np.arange(calls) % len(bodies))
        for number in range(calls):
            await caller.call(number)
    return caller.completed - caller.dispatched


def test_a_server_that_answers_nothing_is_not_put_under_load(tmp_path: Path) -> None:
    """What it said stands in the reason."""
    with (
        running(Server(lambda _: "500")) as url,
        pytest.raises(StageError, match=r"none of the first 10 requests got a good answer, .*: 500 out of memory"),
    ):
        run(tmp_path, url)


def test_a_client_that_was_too_late_says_nothing_of_the_server(tmp_path: Path) -> None:
    """As with a replica: its own lateness would be taken for the server's."""
    with running(Server(lambda _: "answer")) as url, pytest.raises(StageError, match="it was too slow, not the server"):
        run(tmp_path, url, seconds=0.3, slo_ms=1e-6)


def test_a_machine_without_connections_left_says_nothing_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of this end is no answer of the other."""
    monkeypatch.setattr(client, "OWN_LIMITS", (111,))  # what a refused connection has, which is easier to plant
    with (
        running(Server(lambda row: "last" if row == 9 else "answer")) as url,
        pytest.raises(StageError, match=r"this machine could open no more connections .* says nothing of the server"),
    ):
        run(tmp_path, url, seconds=0.3)


def test_headers_go_with_every_request_and_into_no_record(tmp_path: Path) -> None:
    """A token is for the server alone."""
    server = Server(lambda _: "answer")
    with running(server) as url:
        opened = opening(tmp_path, url, headers={"Authorization": "Bearer secret"})
        found = Client(opened).run(offer(seconds=0.3))
    assert len(server.asked) == found.requests + 10
    assert {asked["Authorization"] for asked in server.asked} == {"Bearer secret"}
    assert {asked["Content-Type"] for asked in server.asked} == {"application/json"}
    assert "secret" not in found.model_dump_json()


def test_the_client_is_a_command_of_its_own(tmp_path: Path) -> None:
    """A machine with numpy, pydantic, aiohttp and orjson can offer a load from files."""
    with running(Server(lambda _: "answer")) as url:
        asked = {"opening": opening(tmp_path, url).model_dump(mode="json"), "offers": [offer(seconds=0.3).model_dump()]}
        (tmp_path / "request.json").write_text(json.dumps(asked))
        done = subprocess.run(
            [sys.executable, "-m", "tasks.performance.endpoint", str(tmp_path / "request.json")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    (only,) = json.loads(done.stdout)["runs"]
    assert only["answered"] == only["requests"] > 0
