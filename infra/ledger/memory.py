"""A ledger in memory, for tests."""

from __future__ import annotations

import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from infra.ledger.port import (
    PREFIX_LENGTH,
    Champion,
    Kind,
    Promotion,
    Recorded,
    Status,
    measured_variant,
    refuse_unless_promote,
    run_name,
)
from tasks.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.core.records import Candidate
    from tasks.core.run_folder import RunFolder
    from tasks.core.verdicts import Decision
    from tasks.decision.policy import Policy
    from tasks.evidence import Evidence


class MemoryLedger:
    """A ledger that lives as long as its process; files are read from the folders that launches left."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.statuses: dict[str, str] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.metrics: dict[str, dict[str, float]] = {}
        self.launches: dict[str, tuple[Evidence, Decision, RunFolder]] = {}
        self.versions: dict[str, list[str]] = {}
        self.champions: list[Champion] = []

    def check(self) -> None:
        """Memory is always there."""

    def start(self, candidate: Candidate, policy: Policy, kind: Kind, tags: dict[str, str]) -> str:
        """Open a run."""
        run_id = uuid.uuid4().hex
        self.names[run_id] = run_name(candidate, policy, kind)
        self.statuses[run_id] = "RUNNING"
        self.tags[run_id] = tags
        return run_id

    def record(self, run_id: str, evidence: Evidence, decision: Decision, folder: RunFolder) -> None:
        """Keep the records and the folder's path."""
        self.launches[run_id] = (evidence, decision, folder)

    def add(
        self,
        run_id: str,
        file: Path,  # noqa: ARG002  it lies where launches leave it
        tags: dict[str, str],
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Keep the tags and numbers."""
        self.tags[run_id] = {**self.tags[run_id], **tags}
        self.metrics[run_id] = {**self.metrics.get(run_id, {}), **(metrics or {})}

    def stop(self, run_id: str, status: Status, reason: str) -> None:
        """Close a run."""
        self.statuses[run_id] = status
        self.tags[run_id] = {**self.tags[run_id], "launchgate.stopped": reason}

    def register(self, run_id: str, decision: Decision) -> str:
        """Return the run's place among the runs of its model, from 1."""
        if not measured_variant(self.launches[run_id][0], decision):
            return ""
        runs = self.versions.setdefault(decision.candidate, [])
        if run_id not in runs:
            runs.append(run_id)
        return str(runs.index(run_id) + 1)

    def promote(self, run_id: str) -> Promotion:
        """Append to the champions."""
        if run_id not in self.launches:
            raise InputError(f"run {run_id} was not recorded to its end, so it decided nothing; launch again")
        decision = self.launches[run_id][1]
        variant = refuse_unless_promote(run_id, decision)
        model, version = decision.candidate, self.register(run_id, decision)
        for past in self.history(model):
            if past.version == version:
                return Promotion(model=model, version=version, previous=past.previous, changed=False)
        current = self.champion(model)
        previous = current.version if current else None
        self.champions.append(
            Champion(
                model=model,
                version=version,
                run_id=run_id,
                variant=variant,
                decided_at=decision.decided_at,
                previous=previous,
                promoted_at=datetime.now(UTC),
            )
        )
        return Promotion(model=model, version=version, previous=previous, changed=True)

    def champion(self, model: str) -> Champion | None:
        """Return the last one promoted."""
        return next(iter(reversed(self.history(model))), None)

    def history(self, model: str) -> tuple[Champion, ...]:
        """Return all that were promoted."""
        return tuple(champion for champion in self.champions if champion.model == model)

    def find(self, run: str) -> str:
        """Return the newest run that is meant."""
        starts = [item for item in self.names if len(run) >= PREFIX_LENGTH and item.startswith(run)]
        launches = {item: name for item, name in self.names.items() if not name.endswith(" · watch")}
        named = [item for item, name in launches.items() if name == run or name.split(" · ")[0] == run]
        if len(starts) > 1 or not starts + named:
            raise InputError(f"no one run is '{run}'; the last ones are {', '.join(list(launches)[-5:]) or 'none'}")
        return (starts or named)[-1]

    def load(self, run_id: str) -> Recorded:
        """Return the records that were kept."""
        evidence, decision, folder = self.launches[run_id]
        policy_text = folder.policy.read_text(encoding="utf-8")
        return Recorded(evidence=evidence, decision=decision, policy_text=policy_text)

    def fetch(self, run_id: str, artifact: str, into: Path) -> Path:
        """Copy from the launch's folder."""
        source = self.launches[run_id][2].path / artifact
        if not source.exists():
            raise InputError(f"run {run_id} has no artifact {artifact}")
        target = into / artifact
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
        return target

    def fetch_variant(self, run_id: str, variant: str, into: Path) -> Path:
        """Copy from the variant's folder."""
        source = self.launches[run_id][2].variant(variant).path
        if not source.is_dir():
            raise InputError(f"run {run_id} has no variant {variant}")
        return Path(shutil.copytree(source, into, dirs_exist_ok=True))

    def pages(self, server: str) -> dict[str, str]:  # noqa: ARG002  the port's signature
        """Return nothing: no server shows this ledger."""
        return {}

    def url(self, run_id: str) -> str | None:  # noqa: ARG002  the port's signature
        """Memory has no pages."""
        return None
