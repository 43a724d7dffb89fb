"""What can go wrong: a user's mistake, a stage that could not measure, a model that failed."""

from __future__ import annotations


class InputError(ValueError):
    """A user's mistake: the message is one clear sentence that says what, where, why and what to do."""


class StageError(RuntimeError):
    """A stage that could not measure what it was asked to; the launch records it as unmeasured, with this reason."""


class ModelError(StageError):
    """The candidate's model or adapter failed at what a stage asked of it: a finding about it, and no gap in the evidence."""
