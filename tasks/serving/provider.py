"""Proof of where a session ran: its provider, and every node of its own profile."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from tasks.candidate.adapter import AdapterError
from tasks.core.errors import StageError
from tasks.evidence import ProviderEvidence
from tasks.serving.server import PROVIDERS, Server, batches

if TYPE_CHECKING:
    from tasks.core.records import Serving

PROFILED_BATCHES = 8
BATCH = 4


def prove_provider(serving: Serving, production: Path) -> ProviderEvidence:
    """Return the session's provider and how many nodes, and how much of their time, ran on which provider.

    The list of available providers proves nothing: a session asked for CUDA falls back to the CPU in silence.
    Raises StageError where no row could be answered.
    """
    import pandas as pd

    inputs = pd.read_parquet(production, columns=list(serving.input_columns)).dropna()
    nodes: dict[str, int] = {}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder:
        server = Server(serving, profile=Path(folder) / "profile", any_provider=True)
        answered = 0
        for part in batches(inputs.head(PROFILED_BATCHES * BATCH), BATCH):
            try:
                server.predict(part)
            except AdapterError:
                continue
            answered += 1
        seen: set[tuple[str, str]] = set()
        for session in server.sessions.values():
            for event in orjson.loads(Path(session.end_profiling()).read_bytes()):
                provider = event.get("args", {}).get("provider")
                if event.get("cat") != "Node" or not provider:
                    continue
                if (provider, event["name"]) not in seen:
                    seen.add((provider, event["name"]))
                    nodes[provider] = nodes.get(provider, 0) + 1
                seconds[provider] = seconds.get(provider, 0.0) + event.get("dur", 0) / 1e6
    if not answered:
        raise StageError("no production row could be answered, so no node ran")
    return ProviderEvidence(
        asked=serving.target,
        wanted_provider=PROVIDERS[serving.target],
        session_provider=server.provider,
        nodes=nodes,
        node_seconds=seconds,
    )
