"""The errors of stages and models."""

from __future__ import annotations

from tasks.core.errors import ModelError, StageError


def test_a_models_failure_is_a_stages_failure() -> None:
    """Whoever handles a stage without a result handles a model that failed too."""
    assert issubclass(ModelError, StageError)
