"""A recorded decision read from a SQLite ledger without MLflow, which takes seconds to import and to connect.

It reads MLflow's tables `runs`, `tags` and `experiments`, and the file that a run's address names. It writes nothing.
Whatever it can't tell for sure, a mistake of the user too, is None: MLflow's own client is asked then, and says why.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from infra.ledger.address import sqlite_file
from infra.ledger.port import PREFIX_LENGTH
from infra.ledger.runs import FOLDER_TAG, KIND_TAG
from tasks.core.verdicts import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNS = """
SELECT runs.artifact_uri FROM runs
JOIN experiments ON experiments.experiment_id = runs.experiment_id AND experiments.lifecycle_stage = 'active'
JOIN tags AS kind ON kind.run_uuid = runs.run_uuid AND kind."key" = :kind
LEFT JOIN tags AS folder ON folder.run_uuid = runs.run_uuid AND folder."key" = :folder
WHERE runs.lifecycle_stage = 'active' AND
"""
BY_ID = RUNS + "substr(runs.run_uuid, 1, length(:run)) = :run"
BY_NAME = RUNS + "kind.value != 'watch' AND runs.name = :run ORDER BY runs.start_time DESC"
BY_FOLDER = RUNS + "kind.value != 'watch' AND folder.value = :run ORDER BY runs.start_time DESC"


def read_decision(tracking_uri: str, run: str) -> Decision | None:
    """Return the decision of a run from its id, a unique start of it, its name or its candidate's folder (the latest).

    None for any other ledger than a SQLite file.
    """
    if not tracking_uri.startswith("sqlite"):
        return None
    database = sqlite_file(tracking_uri)
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            address = _address(connection, run)
    except sqlite3.Error:
        return None
    return _decision(address) if address else None


def _address(connection: sqlite3.Connection, run: str) -> str | None:
    """Return the address of the files of the run that is meant; the order is that of `Runs.find`."""
    values = {"run": run, "kind": KIND_TAG, "folder": FOLDER_TAG}

    def found(query: str) -> list[str]:
        rows: Iterable[tuple[str]] = connection.execute(query, values)
        return [str(address) for (address,) in rows]

    matches = found(BY_ID) if len(run) >= PREFIX_LENGTH and run.isalnum() else []
    if len(matches) > 1:
        return None
    return next(iter(matches or found(BY_NAME) or found(BY_FOLDER)), None)


def _decision(address: str) -> Decision | None:
    """Return the decision among a run's files, where they lie in a folder of this machine."""
    parts = urlsplit(address)
    if parts.scheme != "file":
        return None
    try:
        return Decision.model_validate_json(Path(unquote(parts.path), "decision.json").read_bytes())
    except (OSError, ValidationError):
        return None
