"""How a variant was made."""

from __future__ import annotations

from tasks.core.records import Record
from tasks.evidence.serving import Difference


class ExportEvidence(Record):
    """The exported graph against torch on production rows, at several batch sizes and at the shortest and longest inputs.

    `error` is set where the model could not be exported at all.
    """

    exporter: str
    opset: int
    dynamic_axes: dict[str, tuple[int, ...]]
    training_modules: tuple[str, ...]
    parity: tuple[Difference, ...]
    error: str | None = None
