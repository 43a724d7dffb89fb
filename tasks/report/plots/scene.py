"""What a drawing function of the report is given, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.evidence import Unmeasured
from tasks.report.plots.series import Hand, hand_of

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision, GateResult
    from tasks.evidence import Evidence


class PlotTable(NamedTuple):
    """A plot's values as a table: the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Drawn(NamedTuple):
    """What a drawing function returns: the figure, what it says in words, and its values."""

    figure: Any
    caption: str
    numbers: PlotTable


class Scene(NamedTuple):
    """What a drawing function sees: the evidence, and the limits that the decision held it to."""

    evidence: Evidence
    decision: Decision

    def measured(self, part: str) -> list[tuple[Hand, Any]]:
        """Return each variant that has `part`, with the hand that draws it: a variant looks the same in every plot."""
        parts = [(hand_of(at, each.name), getattr(each, part)) for at, each in enumerate(self.evidence.variants)]
        return [(hand, value) for hand, value in parts if not isinstance(value, Unmeasured)]

    def results(self, gate: str) -> list[GateResult]:
        """Return the results of a gate, one a variant."""
        return [result for result in self.decision.gates if result.gate == gate]

    def limit(self, gate: str) -> float | None:
        """Return the limit that a gate held its deciding check to, where it was the same for all variants."""
        limits = {result.limit for result in self.results(gate) if result.limit is not None}
        return limits.pop() if len(limits) == 1 else None
