"""The records: frozen, closed, and without NaN."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from support.small_decision import decision

from tasks.core.verdicts import Check


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
