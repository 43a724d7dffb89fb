"""The smallest decision."""

from __future__ import annotations

from datetime import UTC, datetime

from tasks.core.verdicts import Decision, PolicyName

SHA = "0" * 64


def decision(**changes: object) -> Decision:
    """Return a small decision."""
    values: dict[str, object] = {
        "candidate": "m", "candidate_sha256": SHA, "outcome": "reject", "variant": None, "target": "cpu",
        "policy": PolicyName(name="standard", sha256=SHA), "reasons": (), "gates": (), "environment": {},
        "run_id": "r", "decided_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Decision.model_validate(values | changes)
