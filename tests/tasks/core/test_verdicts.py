"""Decisions as the contract writes them, and the limits that they are held to."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError
from support.small_decision import decision

from tasks.core.verdicts import Decision, GateLimits


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
