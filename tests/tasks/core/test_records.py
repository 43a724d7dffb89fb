"""The records: frozen, closed, and without NaN; decisions written as the contract says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tasks.core.errors import ModelError, StageError
from tasks.core.verdicts import Check, Decision, GateLimits, PolicyName

SHA = "0" * 64


def decision(**changes: object) -> Decision:
    """Return a small decision."""
    values: dict[str, object] = {
        "candidate": "m", "candidate_sha256": SHA, "outcome": "reject", "variant": None, "target": "cpu",
        "policy": PolicyName(name="standard", sha256=SHA), "reasons": (), "gates": (), "environment": {},
        "run_id": "r", "decided_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Decision.model_validate(values | changes)


def test_a_record_cannot_be_changed() -> None:
    """What was recorded stays as it was."""
    with pytest.raises(ValidationError, match="frozen"):
        decision().outcome = "promote"  # type: ignore[misc]


def test_a_record_takes_no_other_key_and_no_nan() -> None:
    """A misspelt key or a NaN is an error where it is written, not where it is read."""
    with pytest.raises(ValidationError, match="Extra inputs"):
        decision(verdict="promote")
    with pytest.raises(ValidationError, match="finite"):
        Check(name="x", outcome="pass", observed=float("nan"), because="")


def test_a_decision_is_written_under_the_contracts_keys_and_read_back() -> None:
    """`schema` is the key in the file, whatever the field is called; reading gives the same decision."""
    written = decision().model_dump_json(by_alias=True)
    assert json.loads(written)["schema"] == 1
    assert Decision.model_validate_json(written) == decision()


def test_a_decision_of_another_schema_is_refused() -> None:
    """A file of a later version is not read as if it were this one's."""
    written = json.loads(decision().model_dump_json(by_alias=True)) | {"schema": 2}
    with pytest.raises(ValidationError):
        Decision.model_validate(written)


@pytest.mark.parametrize("confidence", [0.5, 1.0])
def test_a_gates_confidence_is_one_that_a_bound_can_have(confidence: float) -> None:
    """A bound at 50% is a point, and at 100% it is infinite."""
    with pytest.raises(ValidationError):
        GateLimits(severity="block", confidence=confidence)


def test_a_models_failure_is_a_stages_failure() -> None:
    """Whoever handles a stage without a result handles a model that failed too."""
    assert issubclass(ModelError, StageError)
