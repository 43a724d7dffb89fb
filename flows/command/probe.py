"""A deployed endpoint, put under load and held to a policy's latency budget; nothing is launched or promoted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.launch.inputs import read_inputs
from flows.production_log import sample_log
from tasks.candidate.adapter import Adapter, AdapterError
from tasks.core.errors import InputError, StageError
from tasks.core.files import write_whole
from tasks.core.store import home
from tasks.data.datasets import read_table
from tasks.decision.endpoint import judge_load
from tasks.decision.policy import load_policy
from tasks.evidence import Endpoint
from tasks.gates import latency_slo
from tasks.performance.endpoint.handshake import meet
from tasks.performance.endpoint.measure import measure_endpoint
from tasks.performance.endpoint.request_bodies import write_bodies
from tasks.performance.endpoint.run import EndpointOpening
from tasks.performance.load.arrivals import expected_arrivals
from tasks.performance.load.looks import seconds_to_look

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from tasks.core.records import Candidate, RequestInputs, ServingProtocol
    from tasks.decision.endpoint import EndpointVerdict
    from tasks.decision.policy import Policy

DRAWN = "production.parquet"


def probe(
    url: str,
    protocol: ServingProtocol,
    candidate: str | None = None,
    rows: Path | None = None,
    model: str | None = None,
    version: str | None = None,
    inputs: RequestInputs | None = None,
    rate: float | None = None,
    seconds: float | None = None,
    policy: str | None = None,
    timeout_seconds: float = 10,
    headers: Mapping[str, str] | None = None,
) -> EndpointVerdict:
    """Put the server at `url` under open-loop load and hold its responses to the policy's latency budget.

    Requests are drawn from `rows`, a table, or from the candidate's production sample. `rate` is by default
    the policy's forecast peak, and `seconds` what a percentile takes at it, at most `load_seconds`; a run that cannot tell
    goes on once. Every request is kept in a
    folder under `probes` in launchgate's home. Raises InputError where anything given is wrong or the server does not answer.
    """
    if candidate is None and rows is None:
        raise InputError("a request has to hold something; name a --candidate, or a table with --rows")
    subject, bar = read_inputs(candidate, policy, None) if candidate else (None, load_policy(policy or "standard"))
    limits = bar.limits()[latency_slo.NAME]
    assert isinstance(limits, latency_slo.Limits)  # noqa: S101  the gate's own
    rate = rate or bar.business.peak_per_second
    seconds = seconds or min(bar.measure.load_seconds, seconds_to_look(limits.under_load, rate))
    if not seconds:
        raise InputError(
            f"the policy {bar.name} asks for no load (measure.load_seconds); say for how long with --seconds"
        )
    met = meet(url, protocol, model, version, headers or {})
    out = home() / "probes" / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    out.mkdir(parents=True)
    bodies = out / "bodies.jsonl"
    adapter = Adapter(subject.resolve(subject.adapter)) if subject else None
    try:
        held = write_bodies(protocol, inputs, met.inputs, _inputs(subject, bar, rows, out), adapter, bodies)
        endpoint = Endpoint(
            url=url, protocol=protocol, model=model, version=version, inputs=held, server=met.server
        )  # fmt: skip
        opening = EndpointOpening(
            endpoint=endpoint, bodies=bodies, out=out, headers=dict(headers or {}), timeout_seconds=timeout_seconds
        )
        found = measure_endpoint(
            opening, expected_arrivals(bar.business, rows or out / DRAWN), rate, seconds,
            limits.under_load, limits.confidence, bar.sample.seed,
        )  # fmt: skip
    except (StageError, AdapterError) as error:
        raise InputError(str(error)) from error
    told = judge_load(found, bar)
    write_whole(out / "probe.json", told.model_dump_json(indent=2).encode())
    return told


def parse_headers(texts: list[str]) -> dict[str, str]:
    """Return headers given as `Name: value`. Raises InputError for one without a name or a colon."""
    pairs = [text.partition(":") for text in texts]
    for text, (name, colon, _) in zip(texts, pairs, strict=True):
        if not name.strip() or not colon:
            raise InputError(f"the header {text!r} has no name; give it as 'Name: value'")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _inputs(candidate: Candidate | None, policy: Policy, rows: Path | None, out: Path) -> pd.DataFrame:
    """Return the rows that requests are made of, their input columns alone."""
    if rows is None:
        assert candidate is not None  # noqa: S101  one of both is given
        rows, as_of = out / DRAWN, candidate.data.as_of or datetime.now(UTC)
        sample_log(candidate, policy.sample, as_of, rows, keeps_times=policy.business.arrivals == "replay")
    table = read_table(rows)
    if candidate is None:
        return table
    if missing := [name for name in candidate.columns.input if name not in table]:
        raise InputError(
            f"{rows} lacks the input column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}"
        )
    return table[list(candidate.columns.input)]
