"""A launch's outcome in Prefect's UI: how far it is, and the gates as a table, with a link to the ledger."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact

if TYPE_CHECKING:
    from uuid import UUID

    from tasks.core.verdicts import Decision
    from tasks.monitoring.revalidation import Revalidation
    from tasks.monitoring.watch import Watch


class Progress:
    """A bar in Prefect's UI that fills by one part at each call of `advance`, and a link to the run that it is of."""

    def __init__(self, model: str, run_id: str, url: str | None, parts: int) -> None:
        self._parts = parts
        self._done = 0
        self._where = _link(run_id, url)
        made = create_progress_artifact(0.0, key=_key("progress", model), description=self._where)
        self._artifact = cast("UUID", made)  # a coroutine only where a loop runs

    def advance(self, done: str) -> None:
        """Say that another part is `done`."""
        self._done += 1
        update_progress_artifact(self._artifact, 100 * self._done / self._parts, f"{done} done; {self._where}")


def announce(decision: Decision, url: str | None) -> None:
    """Write the gates of a decision as a Prefect table artifact, under one key a registered model."""
    create_table_artifact(
        key=_key("launch", decision.candidate),
        table=[
            {"gate": gate.gate, "variant": gate.variant or "all", "outcome": gate.outcome, "because": gate.because}
            for gate in decision.gates
        ],
        description=f"**{decision.outcome}** {decision.variant or ''}: {decision.reasons[0]}\n\n"
        + _link(decision.run_id, url),
    )


def announce_revalidation(verdict: Revalidation, url: str | None) -> None:
    """Write what changed around a champion, and in its gates, as a Prefect table artifact under one key a model."""
    kinds = (("environment", (*verdict.packages, *verdict.machine)), ("gate", verdict.gates))
    create_table_artifact(
        key=_key("revalidate", verdict.model),
        table=[
            {"changed": kind, "name": change.name, "before": change.before or "-", "now": change.after or "-"}
            for kind, changes in kinds
            for change in changes
        ],
        description="\n".join(
            [
                f"**{verdict.outcome}** version {verdict.version} ({verdict.variant})",
                "",
                *(f"- {reason}" for reason in verdict.reasons),
                "",
                _link(verdict.run_id or verdict.champion_run_id, url),
            ]
        ),
    )


def announce_watch(verdict: Watch, url: str | None) -> None:
    """Write what production shows of a champion as a Prefect table artifact, under one key a model."""
    create_table_artifact(
        key=_key("watch", verdict.model),
        table=[
            {"check": check.gate, "severity": check.severity, "outcome": check.outcome, "because": check.because}
            for check in verdict.checks
        ],
        description="\n".join(
            [
                f"**{verdict.outcome}** version {verdict.version} ({verdict.variant}), {verdict.requests:,} requests",
                "",
                *(f"- {reason}" for reason in (*verdict.reasons, *verdict.notes)),
                "",
                f"[the run in MLflow]({url})" if url else f"run `{verdict.run_id}`",
            ]
        ),
    )


def _key(kind: str, model: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{kind}-{model}".lower()).strip("-")


def _link(run_id: str, url: str | None) -> str:
    return f"[the run in MLflow]({url})" if url else f"run `{run_id}`: `launchgate show {run_id[:8]}`"
